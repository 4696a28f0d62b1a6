import { isEnded, type TaskStatus } from "@covey/protocol";
import type { Fleet, Turn } from "#core/fleet.ts";
import { closeToMerges, closeToSuperseding, dropKeys, indexKeys } from "#core/keys.ts";
import type { Task } from "#core/task.ts";
import { assertMove, taskTransitions } from "#core/transitions.ts";
import { weightOf } from "#core/weight.ts";

/** Takes a task into memory, and tells the journal. */
export function admit(fleet: Fleet, task: Task): void {
	hold(fleet, task);
	fleet.specBytes += weightOf(task.spec.submission);
	fleet.changes.specs.add(task.spec.id);
	fleet.changes.tasks.add(task.spec.id);
	indexKeys(fleet.keys, task);
}

/** Takes a task into memory that the journal knows; its keys are indexed apart. */
export function hold(fleet: Fleet, task: Task): void {
	fleet.tasks.set(task.spec.id, task);
	fleet.newest.add(task);
	fleet.tally[task.status]++;
}

/** Takes an ended task out of memory. */
export function letGo(fleet: Fleet, task: Task): void {
	fleet.tasks.delete(task.spec.id);
	fleet.newest.remove(task);
	fleet.tally[task.status]--;
	dropKeys(fleet.keys, task);
}

/** Moves a task along its table. The caller has set what goes with the new status, and announces it. */
export function moveTask({ fleet, now }: Turn, task: Task, to: TaskStatus): void {
	assertMove(taskTransitions, task.status, to);
	fleet.tally[task.status]--;
	fleet.tally[to]++;
	task.status = to;
	touch(fleet, task, now);
	if (isEnded(to)) closeToSuperseding(fleet.keys, task);
	if (isEnded(to) || to === "needs_human") closeToMerges(fleet.keys, task);
}

/** The journal will hear of this task's new state. */
export function touch(fleet: Fleet, task: Task, now: number): void {
	task.updatedAt = now;
	fleet.changes.tasks.add(task.spec.id);
}

/** Tells readers what has become of a task. */
export function announce({ effects, now }: Turn, task: Task): void {
	const { spec, status, attempt, outcome, exitCode, message } = task;
	const worker = task.attempts.at(-1)?.worker;
	effects.push({
		type: "notify",
		event: {
			type: "task",
			at: now,
			task: spec.id,
			namespace: spec.submission.namespace,
			status,
			attempt,
			...(worker !== undefined && { worker }),
			...(outcome !== undefined && { outcome }),
			...(exitCode !== undefined && { exitCode }),
			...(message !== undefined && { message }),
		},
	});
}
