import { attemptKey } from "@covey/protocol";
import type { EventOf } from "#core/event.ts";
import type { Turn } from "#core/fleet.ts";
import { renewLease } from "#core/lifecycle/claim.ts";
import { conclude, reportOf } from "#core/lifecycle/conclude.ts";
import { announce, moveTask } from "#core/lifecycle/move.ts";
import type { Lease, Task } from "#core/task.ts";
import { type AttemptState, assertMove, attemptTransitions } from "#core/transitions.ts";
import type { Session } from "#core/worker.ts";
import { isOf } from "./session.ts";

interface From {
	readonly session: string;
	readonly worker: string;
	readonly task: string;
	readonly attempt: number;
}

/** The work itself has begun. A stale start is answered with its end, without waiting for the next sync. */
export function started(turn: Turn, event: EventOf<"attempt.started">): void {
	const task = rightful(turn, event);
	if (task === undefined) {
		turn.fleet.fenced++;
		const { session, worker, task: id, attempt } = event;
		turn.effects.push({ type: "end", session, worker, task: id, attempt, reason: "worker_lost", graceMs: 0 });
		return;
	}
	renewLease(turn, task.lease as Lease);
	begin(turn, task);
}

/** The worker repeats its report until it is settled, so every report is; but only the current attempt's counts. */
export function completed(turn: Turn, event: EventOf<"attempt.completed">): void {
	const { session, worker, task: id, attempt } = event;
	const task = rightful(turn, event);
	if (task !== undefined) conclude(turn, task, event.report);
	else if (!isRepeated(turn, event)) turn.fleet.fenced++;
	turn.effects.push({ type: "settle", session, worker, task: id, attempt });
}

/** The worker will not run it. It gets nothing more until its next word, or the same task would go round and round. */
export function declined(turn: Turn, event: EventOf<"attempt.declined">): void {
	const task = rightful(turn, event);
	if (task === undefined) {
		turn.fleet.fenced++;
		return;
	}
	turn.fleet.workers.get(event.worker)!.standing.benched = true;
	conclude(turn, task, reportOf("no_capacity", `${event.worker} declined: ${event.message}`), { declined: true });
}

/** The attempt runs. Harmless when that is known. */
export function begin(turn: Turn, task: Task): void {
	if (task.status !== "claimed") return;
	assertMove<AttemptState>(attemptTransitions, "assigned", "running");
	const attempt = task.attempts.at(-1)!;
	task.attempts = task.attempts.with(-1, { ...attempt, startedAt: turn.now });
	moveTask(turn, task, "in_progress");
	announce(turn, task);
}

/**
 * The task, if the sender may speak for its current attempt: the worker that holds the lease, in the session that has
 * it or in a newer one of the same process. Everybody else is fenced off.
 */
function rightful({ fleet, now }: Turn, from: From): Task | undefined {
	const worker = fleet.workers.get(from.worker);
	const task = fleet.tasks.get(from.task);
	if (worker === undefined || task?.lease === undefined || !worker.held.has(attemptKey(from.task, from.attempt))) return undefined;
	const session = worker.session?.id === from.session ? (worker.session as Session) : undefined;
	if (session !== undefined) worker.seenAt = now;
	const known = task.lease.session === from.session || (session !== undefined && isOf(task.lease, worker, session));
	return known ? task : undefined;
}

function isRepeated({ fleet }: Turn, { task: id, attempt, worker }: From): boolean {
	const task = fleet.tasks.get(id);
	return (
		task === undefined || task.attempts.some((known) => known.number === attempt && known.worker === worker && known.report !== undefined)
	);
}
