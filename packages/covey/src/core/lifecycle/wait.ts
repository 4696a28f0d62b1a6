import type { Fleet, Turn } from "#core/fleet.ts";
import { limits } from "#core/limits.ts";
import type { WorkClass } from "#core/scheduling/class.ts";
import { needsOf } from "#core/scheduling/class.ts";
import { exclusion } from "#core/scheduling/match.ts";
import type { Ticket } from "#core/scheduling/queue.ts";
import { classOf, file, isAvailable, release, type Scheduler } from "#core/scheduling/scheduler.ts";
import type { Task } from "#core/task.ts";
import { setTimer } from "#core/timers.ts";
import type { Worker } from "#core/worker.ts";

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
	if (workClass.reserved !== undefined) review(fleet.scheduler, workClass, now);
	if (isOverdue(workClass, now)) fleet.scheduler.wokenClasses.add(workClass);
	arm(fleet, workClass, now);
}

/** A task has left a class that a worker is kept free for: its next one may not have waited long, or be less urgent. */
function review(scheduler: Scheduler, workClass: WorkClass, now: number): void {
	const first = workClass.queue.peek();
	if (first === undefined || readySince(first.task) + limits.reserveAfterMs > now) release(scheduler, workClass);
	else scheduler.wokenWorkers.add(workClass.reserved as Worker);
}

export function classOfTicket(fleet: Fleet, ticket: Ticket): WorkClass {
	return fleet.scheduler.classes.get(ticket.lane.queue.key) as WorkClass;
}

/** Since when it could have run: what waiting, spill and fallback times count from. */
export function readySince(task: Task): number {
	return Math.max(task.pendingSince, task.waitUntil ?? 0);
}

/** Sets the time at which the class's first task may fall back to the embedded worker, or have a worker kept free for it. */
export function arm(fleet: Fleet, workClass: WorkClass, now: number): void {
	const at = Math.min(after(now, fallbackAt(workClass)), after(now, reserveAt(workClass)));
	setTimer(fleet.timers, workClass, at === Number.POSITIVE_INFINITY ? undefined : at);
}

/** The task that is next now had come to its time behind another that had not: no timer will fire for it. */
function isOverdue(workClass: WorkClass, now: number): boolean {
	return [fallbackAt(workClass), reserveAt(workClass)].some((at) => at !== undefined && at <= now);
}

function after(now: number, at: number | undefined): number {
	return at !== undefined && at > now ? at : Number.POSITIVE_INFINITY;
}

function fallbackAt({ needs: { fallback }, queue, eligible, embedded }: WorkClass): number | undefined {
	if (typeof fallback !== "object" || embedded.size === 0 || eligible.size === 0) return undefined;
	const first = queue.peek();
	return first && readySince(first.task) + fallback.afterMs;
}

/** When a worker is to be kept free for the first task of a class; see `scheduling/reserve.ts`. Undefined when none is wanted, or one is. */
export function reserveAt({ needs: { constraints }, queue, reserved, servedAt }: WorkClass): number | undefined {
	const first = constraints.slots > 1 && reserved === undefined ? queue.peek() : undefined;
	return first && Math.max(readySince(first.task), servedAt ?? 0) + limits.reserveAfterMs;
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
