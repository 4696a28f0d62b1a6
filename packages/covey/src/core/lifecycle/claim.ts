import { attemptKey, type Placement } from "@covey/protocol";
import type { Turn } from "#core/fleet.ts";
import { limits } from "#core/limits.ts";
import { reload } from "#core/scheduling/scheduler.ts";
import type { Lease, Task } from "#core/task.ts";
import { setTimer } from "#core/timers.ts";
import { assertMove, leaseState, leaseTransitions } from "#core/transitions.ts";
import type { Session, Worker } from "#core/worker.ts";
import { announce, moveTask } from "./move.ts";
import { stopWaiting } from "./wait.ts";

/** Gives the next attempt at a waiting task to a connected worker. */
export function claim(turn: Turn, task: Task, worker: Worker, why: Pick<Placement, "because" | "sentence" | "candidates">): void {
	const { fleet, now } = turn;
	const waitedMs = Math.max(0, now - task.pendingSince);
	stopWaiting(turn, task);
	task.attempt++;
	task.waitUntil = undefined;
	record(task, {
		at: now,
		attempt: task.attempt,
		worker: worker.record.name,
		waitedMs,
		because: why.because,
		sentence: why.sentence,
		candidates: why.candidates,
		workersKnown: fleet.workers.size,
	});
	moveTask(turn, task, "claimed");
	grantLease(turn, task, worker, worker.session);
	assign(turn, task, worker, worker.session as Session, false);
	announce(turn, task);
}

/** Puts the current attempt of a task under a lease of its worker: `session` is undefined after a restart. */
export function grantLease({ fleet, now }: Turn, task: Task, worker: Worker, session: Session | undefined): void {
	assertMove(leaseTransitions, leaseState(task.lease), "held");
	const { name } = worker.record;
	const slots = task.spec.submission.constraints.slots;
	const until = now + fleet.config.leaseTtlMs;
	task.lease = {
		task: task.spec.id,
		attempt: task.attempt,
		worker: name,
		session: undefined,
		instance: session?.instance,
		assigned: 0,
		until,
	};
	setTimer(fleet.timers, task, until + fleet.config.leaseMarginMs);
	worker.held.set(attemptKey(task.spec.id, task.attempt), slots);
	worker.slotsUsed += slots;
	reload(fleet.scheduler, worker);
}

/** The worker was heard: its lease is good for one more term from now. The timer looks at it when it fires. */
export function renewLease({ fleet, now }: Turn, lease: Lease): void {
	assertMove(leaseTransitions, leaseState(lease), "held");
	lease.until = now + fleet.config.leaseTtlMs;
}

/** Sends the current attempt to its worker, or sends it again in a newer session. */
export function assign({ fleet, effects }: Turn, task: Task, worker: Worker, session: Session, again: boolean): void {
	const lease = task.lease as Lease;
	const { namespace, type, payload, constraints, policies } = task.spec.submission;
	lease.session = session.id;
	lease.instance = session.instance;
	lease.assigned = ++session.assigned;
	effects.push({
		type: "assign",
		session: session.id,
		worker: worker.record.name,
		again,
		message: {
			sequence: lease.assigned,
			task: task.spec.id,
			attempt: task.attempt,
			namespace,
			taskType: type,
			payload,
			constraints,
			policies,
			leaseTtlMs: fleet.config.leaseTtlMs,
		},
	});
}

/** Keeps the first attempt and the newest, with their placements. */
function record(task: Task, placement: Placement): void {
	const full = task.attempts.length === limits.attemptsMax;
	const attempt = { number: placement.attempt, worker: placement.worker, claimedAt: placement.at };
	task.attempts = [...(full ? task.attempts.toSpliced(1, 1) : task.attempts), attempt];
	task.placements = [...(full ? task.placements.toSpliced(1, 1) : task.placements), placement];
}
