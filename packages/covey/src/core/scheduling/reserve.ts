import { reserveAt } from "#core/lifecycle/wait.ts";
import { limits } from "#core/limits.ts";
import { priorityOf, type Task } from "#core/task.ts";
import type { Worker } from "#core/worker.ts";
import type { Bitset } from "./bitset.ts";
import type { WorkClass } from "./class.ts";
import { openSlots, release, type Scheduler } from "./scheduler.ts";

/**
 * A task that wants several slots would wait for ever behind a stream of tasks that take each slot as it comes free. So
 * when the first task of a class has waited long enough, one worker that could ever run it is kept free for it: that
 * worker takes nothing of the same or a lower priority until the task is placed, there or elsewhere.
 *
 * A class has at most one worker kept free, and a worker is kept free for at most one class, so two of them never wait
 * for each other, only for what runs. After its turn a class waits as long again, which leaves room for the small ones.
 *
 * `reserve` does it when it is due: for the worker with most room, of those kept free for nobody as urgent.
 */
export function reserve(scheduler: Scheduler, workClass: WorkClass, now: number): void {
	const dueAt = reserveAt(workClass);
	if (dueAt === undefined || dueAt > now) return;
	const worker = roomiest(scheduler, workClass, workClass.queue.peek()!.task);
	if (worker === undefined) {
		scheduler.wanting.add(workClass);
		return;
	}
	const older = worker.standing.reservedFor;
	if (older !== undefined) {
		release(scheduler, older);
		scheduler.wokenClasses.add(older);
	}
	scheduler.wanting.delete(workClass);
	workClass.reserved = worker;
	worker.standing.reservedFor = workClass;
}

/** It is kept free for nobody else, or for a task that is less urgent than this one. */
export function spares({ standing: { reservedFor } }: Worker, workClass: WorkClass, task: Task): boolean {
	return reservedFor === undefined || reservedFor === workClass || priorityOf(task) > priorityOf(reservedFor.queue.peek()!.task);
}

function roomiest(scheduler: Scheduler, workClass: WorkClass, task: Task): Worker | undefined {
	const able: Bitset = workClass.eligible.size > 0 ? workClass.eligible : workClass.embedded;
	let best: Worker | undefined;
	let looked = 0;
	for (let at = able.nextCommon(able, 0); at >= 0 && looked < limits.reserveConsideredMax; at = able.nextCommon(able, at + 1)) {
		const worker = scheduler.workers[at] as Worker;
		if (!spares(worker, workClass, task)) continue;
		looked++;
		if (best === undefined || openSlots(worker) > openSlots(best)) best = worker;
	}
	return best;
}
