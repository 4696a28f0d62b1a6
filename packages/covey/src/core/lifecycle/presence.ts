import type { WorkerStatus } from "@covey/protocol";
import type { Turn } from "#core/fleet.ts";
import { reseat } from "#core/scheduling/scheduler.ts";
import { setTimer } from "#core/timers.ts";
import { assertMove, workerTransitions } from "#core/transitions.ts";
import type { Worker } from "#core/worker.ts";
import { stopWaiting, wait } from "./wait.ts";

/** Moves a worker along its table, and tells readers. */
export function moveWorker(turn: Turn, worker: Worker, to: WorkerStatus): void {
	assertMove(workerTransitions, worker.status, to);
	worker.status = to;
	if (to !== "connected") worker.session = undefined;
	setTimer(
		turn.fleet.timers,
		worker,
		to === "disconnected" ? turn.now + turn.fleet.config.leaseTtlMs + turn.fleet.config.leaseMarginMs : undefined,
	);
	changeWorker(turn, worker);
}

/** Call when what a worker offers, or whether it takes work, has changed: finds it its place again, and tells readers. */
export function changeWorker(turn: Turn, worker: Worker): void {
	const { scheduler } = turn.fleet;
	const { name, draining, revoked } = worker.record;
	reseat(scheduler, worker);
	for (const workClass of scheduler.active.get(name) ?? []) {
		if (!workClass.needs.wished || workClass.eligible.size + workClass.embedded.size > 0) continue;
		// Its wish cannot come true now: it goes anywhere at once.
		for (let first = workClass.queue.peek(); first !== undefined; first = workClass.queue.peek()) {
			stopWaiting(turn, first.task);
			wait(turn, first.task);
		}
	}
	turn.effects.push({ type: "notify", event: { type: "worker", at: turn.now, worker: name, status: worker.status, draining, revoked } });
}
