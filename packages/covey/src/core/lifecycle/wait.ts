import type { Fleet, Turn } from "#core/fleet.ts";
import type { WorkClass } from "#core/scheduling/class.ts";
import { needsOf } from "#core/scheduling/class.ts";
import { exclusion } from "#core/scheduling/match.ts";
import type { Ticket } from "#core/scheduling/queue.ts";
import { classOf, file, isAvailable } from "#core/scheduling/scheduler.ts";
import type { Task } from "#core/task.ts";
import { setTimer } from "#core/timers.ts";

/** Lets a pending task wait: until it is due, then for its preferred machine for a while, then for any. */
export function wait({ fleet, now }: Turn, task: Task): void {
	if (task.waitUntil !== undefined && task.waitUntil > now) {
		setTimer(fleet.timers, task, task.waitUntil);
		return;
	}
	const spillAt = wishUntil(fleet, task, now);
	const workClass = classOf(fleet.scheduler, needsOf(task.spec.submission, spillAt !== undefined));
	workClass.queue.push(task);
	file(fleet.scheduler, workClass);
	fleet.scheduler.wokenClasses.add(workClass);
	setTimer(fleet.timers, task, spillAt);
}

/** Takes a pending task out of its queue, if it is in one, and stops its timer. */
export function stopWaiting({ fleet, now }: Turn, task: Task): void {
	setTimer(fleet.timers, task, undefined);
	if (task.ticket === undefined) return;
	const workClass = classOfTicket(fleet, task.ticket);
	workClass.queue.remove(task.ticket);
	file(fleet.scheduler, workClass);
	armFallback(fleet, workClass, now);
}

export function classOfTicket(fleet: Fleet, ticket: Ticket): WorkClass {
	return fleet.scheduler.classes.get(ticket.lane.queue.key) as WorkClass;
}

/** Since when it could have run: what waiting, spill and fallback times count from. */
export function readySince(task: Task): number {
	return Math.max(task.pendingSince, task.waitUntil ?? 0);
}

/** Sets the time at which the class's first task may fall back to the embedded worker, where that depends on time. */
export function armFallback(fleet: Fleet, workClass: WorkClass, now: number): void {
	const { fallback } = workClass.needs;
	const first = workClass.queue.peek();
	let at: number | undefined;
	if (first !== undefined && typeof fallback === "object" && workClass.embedded.size > 0 && workClass.eligible.size > 0) {
		at = readySince(first.task) + fallback.afterMs;
	}
	setTimer(fleet.timers, workClass, at !== undefined && at > now ? at : undefined);
}

/** How long the task still waits for its preferred machine; undefined when it goes anywhere. */
function wishUntil(fleet: Fleet, task: Task, now: number): number | undefined {
	const { prefer, constraints } = task.spec.submission;
	if (prefer === undefined || constraints.machine !== undefined) return undefined;
	const until = readySince(task) + prefer.spillMs;
	const worker = fleet.workers.get(prefer.machine);
	if (until <= now || worker === undefined || !isAvailable(worker)) return undefined;
	return exclusion(needsOf(task.spec.submission, false), worker) === undefined ? until : undefined;
}
