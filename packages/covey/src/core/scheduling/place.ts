import type { Turn } from "#core/fleet.ts";
import { claim } from "#core/lifecycle/claim.ts";
import { arm, readySince } from "#core/lifecycle/wait.ts";
import { priorityOf, type Task } from "#core/task.ts";
import type { Worker } from "#core/worker.ts";
import type { WorkClass } from "./class.ts";
import { charge, startTag } from "./fairness.ts";
import { isTargeted } from "./match.ts";
import type { Ticket } from "./queue.ts";
import { bidOf, type Choice, choose, reasonFor } from "./rank.ts";
import { reserve, spares } from "./reserve.ts";
import { isEmbedded, openSlots, release } from "./scheduler.ts";

/** Places whatever can be placed since something woke: first the workers that got room choose work, then new work chooses workers. */
export function placeWoken(turn: Turn): void {
	const { wokenWorkers, wokenClasses } = turn.fleet.scheduler;
	while (wokenWorkers.size + wokenClasses.size > 0) {
		for (const worker of wokenWorkers) {
			wokenWorkers.delete(worker);
			for (let first = pick(turn, worker); first !== undefined; first = pick(turn, worker))
				place(turn, first, { worker, candidates: [ownBid(worker, first)] });
		}
		// A placement can end a reservation, and wake the worker that was kept free.
		while (wokenClasses.size > 0 && wokenWorkers.size === 0) {
			const workClass = next(wokenClasses);
			if (!placeFirst(turn, workClass)) wokenClasses.delete(workClass);
		}
	}
}

/** Before a worker is chosen, submitters compare by what they had. */
const anywhere = { virtualTime: 0 };

interface Offered {
	readonly workClass: WorkClass;
	readonly ticket: Ticket;
	/** Another submitter waits for the same room. */
	contended: boolean;
}

/** The task that a worker with room takes next: highest priority, then the submitter who had least, then the oldest. */
function pick({ fleet, now }: Turn, worker: Worker): Offered | undefined {
	const { active } = fleet.scheduler;
	const open = openSlots(worker);
	if (open === 0) return undefined;
	let best: Offered | undefined;
	for (const machine of ["", worker.record.name]) {
		for (const workClass of active.get(machine) ?? []) {
			const ticket = workClass.queue.peek() as Ticket;
			if (workClass.needs.constraints.slots > open || !mayTake(workClass, ticket.task, worker, now)) continue;
			const offered: Offered = { workClass, ticket, contended: workClass.queue.contended };
			if (best === undefined) best = offered;
			else {
				const rivals = best.ticket.lane.submitter !== ticket.lane.submitter || best.contended || offered.contended;
				if (comesBefore(ticket, best.ticket, worker.standing)) best = offered;
				best.contended = rivals;
			}
		}
	}
	return best;
}

/** Places the first task of a class on the best worker with room. False when there is none, or nothing to place. */
function placeFirst(turn: Turn, workClass: WorkClass): boolean {
	const { fleet, now } = turn;
	const ticket = workClass.queue.peek() as Ticket;
	const preferred = ticket.task.spec.submission.prefer?.machine;
	const choice =
		choose(fleet.scheduler, workClass, ticket.task, preferred === undefined ? undefined : fleet.workers.get(preferred)) ??
		fallBack(turn, workClass, ticket.task);
	if (choice === undefined) {
		reserve(fleet.scheduler, workClass, now);
		arm(fleet, workClass, now);
		return false;
	}
	place(turn, { workClass, ticket, contended: workClass.queue.contended }, choice);
	return workClass.queue.size > 0;
}

function fallBack({ fleet, now }: Turn, workClass: WorkClass, task: Task): Choice | undefined {
	for (const worker of fleet.scheduler.embedded) {
		if (openSlots(worker) < workClass.needs.constraints.slots || !mayTake(workClass, task, worker, now)) continue;
		return { worker, candidates: [{ worker: worker.record.name, bid: bidOf(worker, task) }] };
	}
	return undefined;
}

function place(turn: Turn, { workClass, ticket, contended }: Offered, { worker, candidates }: Choice): void {
	charge(ticket.lane.submitter, worker.standing, workClass.needs.constraints.slots, contended);
	const reason = reasonFor(workClass, ticket.task, worker);
	if (workClass.reserved !== undefined) {
		release(turn.fleet.scheduler, workClass);
		workClass.servedAt = turn.now;
	}
	claim(turn, ticket.task, worker, { ...reason, candidates });
}

function mayTake(workClass: WorkClass, task: Task, worker: Worker, now: number): boolean {
	const { number } = worker.standing;
	if (!spares(worker, workClass, task)) return false;
	if (!isEmbedded(worker)) return workClass.eligible.has(number);
	return workClass.embedded.has(number) && mayFallBack(workClass, task, worker, now);
}

/** The embedded worker comes last: when its name was asked for, when policy says so at once, or when nobody else can do it in time. */
function mayFallBack({ needs, eligible }: WorkClass, task: Task, worker: Worker, now: number): boolean {
	if (isTargeted(needs, worker.record.name) || needs.wished || eligible.size === 0) return true;
	return needs.fallback === "always" || (typeof needs.fallback === "object" && now >= readySince(task) + needs.fallback.afterMs);
}

function comesBefore(left: Ticket, right: Ticket, server: { readonly virtualTime: number }): boolean {
	const [leftPriority, rightPriority] = [priorityOf(left.task), priorityOf(right.task)];
	if (leftPriority !== rightPriority) return leftPriority > rightPriority;
	const [leftStart, rightStart] = [startTag(left.lane.submitter, server), startTag(right.lane.submitter, server)];
	return leftStart === rightStart ? left.task.order < right.task.order : leftStart < rightStart;
}

/** The class whose first task comes before all others; many are awake only when one submission spans many. */
function next(classes: ReadonlySet<WorkClass>): WorkClass {
	let [best] = classes as Iterable<WorkClass> as [WorkClass];
	for (const workClass of classes) {
		if (workClass !== best && comesBefore(workClass.queue.peek() as Ticket, best.queue.peek() as Ticket, anywhere)) best = workClass;
	}
	return best;
}

function ownBid(worker: Worker, { ticket }: Offered): { worker: string; bid: number } {
	return { worker: worker.record.name, bid: bidOf(worker, ticket.task) };
}
