import type { Turn } from "#core/fleet.ts";
import { lose } from "#core/lifecycle/conclude.ts";
import { moveWorker } from "#core/lifecycle/presence.ts";
import { stopWaiting, wait } from "#core/lifecycle/wait.ts";
import type { WorkClass } from "#core/scheduling/class.ts";
import type { Task } from "#core/task.ts";
import { setTimer, type Timer } from "#core/timers.ts";
import type { Worker } from "#core/worker.ts";
import { letHoldGo } from "./hold.ts";

/** Fires every timer that is due. */
export function tick(turn: Turn): void {
	const { timers } = turn.fleet;
	for (let timer = timers.peek(); timer !== undefined && timer.at <= turn.now; timer = timers.peek()) fire(turn, timer);
}

function fire(turn: Turn, { owner }: Timer): void {
	setTimer(turn.fleet.timers, owner, undefined);
	if ("queue" in owner) fallDue(turn, owner);
	else if ("record" in owner) forget(turn, owner);
	else if ("ask" in owner) letHoldGo(turn, owner);
	else if (owner.lease !== undefined) expire(turn, owner);
	else {
		stopWaiting(turn, owner);
		wait(turn, owner);
	}
}

/** The first task of the class may fall back now. */
function fallDue({ fleet }: Turn, workClass: WorkClass): void {
	fleet.scheduler.wokenClasses.add(workClass);
}

/** A worker has been away for as long as a lease lasts. */
function forget(turn: Turn, worker: Worker): void {
	const { fleet, now } = turn;
	// The last of its leases may end in this same tick, or have been renewed by what it sent before it left.
	if (worker.held.size > 0) {
		setTimer(fleet.timers, worker, now + fleet.config.leaseMarginMs + 1);
		return;
	}
	moveWorker(turn, worker, "gone");
}

/** A lease was set when it was granted, and may have been renewed since. */
function expire(turn: Turn, task: Task): void {
	const { fleet, now } = turn;
	const { until, worker } = task.lease!;
	const end = until + fleet.config.leaseMarginMs;
	if (end > now) {
		setTimer(fleet.timers, task, end);
		return;
	}
	lose(
		turn,
		task,
		`its worker ${worker} was not heard of for ${Math.round((fleet.config.leaseTtlMs + fleet.config.leaseMarginMs) / 1000)} s`,
	);
}
