import { type Attempt, type AttemptReport, attemptKey, type Outcome, outcomes, type TaskStatus } from "@covey/protocol";
import type { Turn } from "#core/fleet.ts";
import { limits } from "#core/limits.ts";
import { reload } from "#core/scheduling/scheduler.ts";
import type { Lease, Task } from "#core/task.ts";
import { setTimer } from "#core/timers.ts";
import { type AttemptState, assertMove, attemptTransitions, leaseState, leaseTransitions } from "#core/transitions.ts";
import type { Worker } from "#core/worker.ts";
import { announce, moveTask } from "./move.ts";
import { stopWaiting, wait } from "./wait.ts";

/** The current attempt has ended as `report` says: releases its lease, and ends the task or queues it again. */
export function conclude(turn: Turn, task: Task, report: AttemptReport, options: Options = {}): void {
	releaseLease(turn, task, report);
	const outcome = outcomeOf(task, report);
	const verdict = verdictOf(task, outcome, options.declined === true);
	if (verdict.status === "pending") {
		requeue(turn, task, Math.max(turn.now + verdict.waitMs, options.notBefore ?? 0));
		return;
	}
	const told = task.cancel !== undefined && outcome === task.cancel.reason ? endedBy(task.cancel, report.message) : report.message;
	const message = verdict.exhausted ? `${told ?? outcomes[outcome].sentence}; given up after ${task.attempt} attempts` : told;
	finish(turn, task, { status: verdict.status, outcome, message, exitCode: report.facts?.exitCode, notBefore: options.notBefore });
}

interface Options {
	/** When it is queued again, now or by a person: no placement before this time. */
	readonly notBefore?: number;
	/** The worker did not take it: no try, so it is queued again whatever the retry policy says. */
	readonly declined?: boolean;
}

/** The current attempt's worker is given up on. */
export function lose(turn: Turn, task: Task, message: string, options: Options = {}): void {
	conclude(turn, task, reportOf("worker_lost", message), options);
}

/** What is on record of an attempt that its worker never reported. */
export function reportOf(outcome: Outcome, message: string): AttemptReport {
	return { outcome, message, artifacts: [], missing: [], outputBytes: 0, outputDroppedBytes: 0, timings: {} };
}

/** Who ended a task before its time, for people. `more` is what its worker had to say of that. */
export function endedBy({ reason, by }: Pick<NonNullable<Task["cancel"]>, "reason" | "by">, more?: string): string {
	const who = reason === "superseded" ? `newer work of ${by} replaced it` : `${by} cancelled it`;
	return more === undefined ? who : `${who}; ${more}`;
}

/** Ends a task that has no attempt under way. */
export function finish(
	turn: Turn,
	task: Task,
	end: {
		readonly status: Exclude<TaskStatus, "pending" | "claimed" | "in_progress">;
		readonly outcome: Outcome;
		readonly message: string | undefined;
		readonly exitCode?: number | null | undefined;
		/** Should a person queue it again: not placed before this time. */
		readonly notBefore?: number | undefined;
	},
): void {
	stopWaiting(turn, task);
	task.outcome = end.outcome;
	task.message = end.message;
	task.exitCode = end.exitCode;
	task.endedAt = end.status === "needs_human" ? undefined : turn.now;
	task.waitUntil = end.notBefore;
	moveTask(turn, task, end.status);
	announce(turn, task);
}

/** Queues a task again, not before `waitUntil`. What an earlier end left on it is cleared. */
export function requeue(turn: Turn, task: Task, waitUntil: number): void {
	task.outcome = undefined;
	task.message = undefined;
	task.exitCode = undefined;
	task.endedAt = undefined;
	task.cancel = undefined;
	task.pendingSince = turn.now;
	task.waitUntil = waitUntil > turn.now ? waitUntil : undefined;
	moveTask(turn, task, "pending");
	announce(turn, task);
	wait(turn, task);
}

function releaseLease({ fleet, now }: Turn, task: Task, report: AttemptReport): void {
	assertMove(leaseTransitions, leaseState(task.lease), "none");
	const lease = task.lease as Lease;
	const worker = fleet.workers.get(lease.worker) as Worker;
	const key = attemptKey(lease.task, lease.attempt);
	const attempt = task.attempts.at(-1)!;
	assertMove<AttemptState>(attemptTransitions, attempt.startedAt === undefined ? "assigned" : "running", "ended");
	task.attempts = task.attempts.with(-1, { ...attempt, endedAt: now, report });
	task.lease = undefined;
	setTimer(fleet.timers, task, undefined);
	worker.slotsUsed -= worker.held.get(key) as number;
	worker.held.delete(key);
	reload(fleet.scheduler, worker);
}

/** A task that is being cancelled ends so, unless it had come to its own end before the cancel reached it. */
function outcomeOf(task: Task, report: AttemptReport): Outcome {
	if (task.cancel === undefined) return report.outcome;
	const finished = (report.outcome === "passed" || report.outcome === "failed") && report.facts?.cancelled !== true;
	return finished ? report.outcome : task.cancel.reason;
}

type Verdict =
	| { readonly status: "pending"; readonly waitMs: number }
	| { readonly status: "done" | "failed" | "cancelled" | "needs_human"; readonly exhausted?: true };

function verdictOf(task: Task, outcome: Outcome, declined: boolean): Verdict {
	const { retry, onWorkerLost } = task.spec.submission.policies;
	const { status, infrastructure } = outcomes[outcome];
	if (!infrastructure) return { status };
	const lost = outcome === "worker_lost";
	if (lost && onWorkerLost === "needs_human") return { status: "needs_human" };
	const again = declined || (lost ? onWorkerLost === "requeue" : retry.outcomes.includes(outcome));
	if (!again) return { status };
	const failures = task.attempts.filter(isFleetFailure).length;
	if (failures > retry.limit || task.attempts.length >= limits.attemptsMax) return { status, exhausted: true };
	if (lost || declined) return { status: "pending", waitMs: 0 };
	return { status: "pending", waitMs: Math.min(retry.backoffMaxMs, retry.backoffMs * 2 ** (failures - 1)) };
}

/** The fleet tried and failed. That no worker had room is no try. */
function isFleetFailure({ report }: Attempt): boolean {
	return report !== undefined && report.outcome !== "no_capacity" && outcomes[report.outcome].infrastructure;
}
