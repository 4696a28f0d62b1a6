import { limits } from "#core/limits.ts";
import type { Worker } from "#core/worker.ts";
import { Bitset } from "./bitset.ts";
import { classKey, createClass, type WorkClass } from "./class.ts";
import { FairShares } from "./fairness.ts";
import { exclusion, type Needs } from "./match.ts";

/**
 * The indexes that make a placement cheap, all of them rebuilt from records after a restart.
 *
 * Every worker has a number. A class holds the numbers of the workers that are here and meet its constraints; free
 * workers stand, by how free they are, in one of a few levels that all classes share. So a change of a worker's load
 * touches two bits, and only a change of what it offers touches every class.
 *
 * Between two events no queue holds a task whose class has an eligible worker with room: whatever could change that
 * wakes the class (a task came) or the worker (room came), and `placeWoken` ends with nothing awake.
 */
export interface Scheduler {
	readonly classes: Map<string, WorkClass>;
	/** Classes with an empty queue, the longest idle first. */
	readonly idle: Set<WorkClass>;
	/** Classes with waiting tasks: by the machine they ask for, "" for any. */
	readonly active: Map<string, Set<WorkClass>>;
	readonly shares: FairShares;
	/** By number. */
	readonly workers: Worker[];
	readonly embedded: Set<Worker>;
	/** Workers with room, by how free they are; the freest last. */
	readonly levels: readonly Bitset[];
	/** Workers with a warm worktree of a repository. */
	readonly warm: Map<string, Set<Worker>>;
	/** Classes that are due a worker kept free for them, and found none. */
	readonly wanting: Set<WorkClass>;
	readonly wokenClasses: Set<WorkClass>;
	readonly wokenWorkers: Set<Worker>;
	/** Where the next search begins, so that equals take turns. */
	cursor: number;
}

/** What the scheduler remembers of a worker, in memory only. */
export interface Standing {
	readonly number: number;
	/** Slots that it would fill now, as last looked at. */
	open: number;
	/** Its level, -1 while it has no room. */
	level: number;
	/** Start tag of what it took last; see `fairness.ts`. */
	virtualTime: number;
	/** It declined something: nothing more until its next word. */
	benched: boolean;
	/** It is kept free for the first task of this class, and takes nothing else that is not more urgent. */
	reservedFor: WorkClass | undefined;
	/** What it said last of its warm repositories, as indexed. */
	warm: ReadonlySet<string>;
}

export const freedomLevels = 8;

export function createScheduler(): Scheduler {
	return {
		classes: new Map(),
		idle: new Set(),
		active: new Map(),
		shares: new FairShares(),
		workers: [],
		embedded: new Set(),
		levels: Array.from({ length: freedomLevels }, () => new Bitset()),
		warm: new Map(),
		wanting: new Set(),
		wokenClasses: new Set(),
		wokenWorkers: new Set(),
		cursor: 0,
	};
}

/** Gives a worker its number. Call once per worker and scheduler. */
export function seat(scheduler: Scheduler, unseated: Omit<Worker, "standing">): Worker {
	const standing: Standing = {
		number: scheduler.workers.length,
		open: 0,
		level: -1,
		virtualTime: 0,
		benched: false,
		reservedFor: undefined,
		warm: new Set(),
	};
	const worker: Worker = Object.assign(unseated, { standing });
	scheduler.workers.push(worker);
	return worker;
}

/** It is the coordinator's own. */
export function isEmbedded(worker: Worker): boolean {
	return worker.record.identity.kind === "embedded";
}

/** What a worker has while it is connected. */
type AvailableWorker = Worker & Required<Pick<Worker, "offer" | "session">>;

/** It is here and takes work, apart from being busy. */
export function isAvailable(worker: Worker): worker is AvailableWorker {
	return worker.status === "connected" && !worker.record.draining && !worker.record.revoked;
}

/** Slots that it would fill now. Under pressure a worker with nothing to do still takes one thing, so that work never stands still. */
export function openSlots(worker: Worker): number {
	if (!isAvailable(worker) || worker.standing.benched) return 0;
	if (worker.pressure?.admits === false && worker.slotsUsed > 0) return 0;
	return Math.max(0, worker.offer.slots - worker.slotsUsed);
}

/** Call when its load, pressure or bench changed: puts it on its level, and wakes it when it has more room than before. */
export function reload(scheduler: Scheduler, worker: Worker): void {
	const { standing } = worker;
	const open = openSlots(worker);
	if (open > standing.open) scheduler.wokenWorkers.add(worker);
	standing.open = open;
	const level = open === 0 || isEmbedded(worker) ? -1 : Math.min(freedomLevels - 1, Math.floor(freedom(worker, open) * freedomLevels));
	if (level === standing.level) return;
	scheduler.levels[standing.level]?.delete(standing.number);
	standing.level = level;
	scheduler.levels[level]?.add(standing.number);
}

/** Call when what it offers, or whether it is here, changed: looks at it for every class. */
export function reseat(scheduler: Scheduler, worker: Worker): void {
	const available = isAvailable(worker);
	if (isEmbedded(worker)) scheduler.embedded.add(worker);
	else scheduler.embedded.delete(worker);
	for (const workClass of scheduler.classes.values()) enlist(scheduler, workClass, worker, available);
	indexWarm(scheduler, worker, isAvailable(worker) ? worker.offer.warm : []);
	// What it can do may have grown, even if its room has not.
	worker.standing.open = 0;
	reload(scheduler, worker);
	if (available) wakeWanting(scheduler);
}

/** 0..1: the share of its slots that are free, less what its pressure takes. Of a connected worker. */
export function freedom(worker: Worker, open: number): number {
	const { offer, pressure } = worker;
	const strain = pressure === undefined ? 0 : Math.max(pressure.cpu, pressure.io, pressure.memory);
	return (open / offer!.slots) * (1 - strain / 2);
}

/** The class of these needs; made on demand, when all workers are matched against it once. */
export function classOf(scheduler: Scheduler, needs: Needs): WorkClass {
	const key = classKey(needs);
	const known = scheduler.classes.get(key);
	if (known !== undefined) return known;
	const workClass = createClass(key, needs, scheduler.shares);
	scheduler.classes.set(key, workClass);
	for (const worker of scheduler.workers) if (isAvailable(worker)) enlist(scheduler, workClass, worker, true);
	return workClass;
}

/** Keeps the lists of active and idle classes true after a queue has grown or shrunk. */
export function file(scheduler: Scheduler, workClass: WorkClass): void {
	const machine = workClass.needs.constraints.machine ?? "";
	const active = scheduler.active.get(machine);
	if (workClass.queue.size > 0) {
		scheduler.idle.delete(workClass);
		if (active === undefined) scheduler.active.set(machine, new Set([workClass]));
		else active.add(workClass);
		return;
	}
	active?.delete(workClass);
	if (active?.size === 0) scheduler.active.delete(machine);
	scheduler.wokenClasses.delete(workClass);
	scheduler.wanting.delete(workClass);
	scheduler.idle.delete(workClass);
	scheduler.idle.add(workClass);
	if (scheduler.idle.size <= limits.idleClassesMax) return;
	const [longest] = scheduler.idle as Iterable<WorkClass> as [WorkClass];
	scheduler.idle.delete(longest);
	scheduler.classes.delete(longest.key);
}

/** The worker that was kept free for this class takes all work again, and classes that want one may have it. */
export function release(scheduler: Scheduler, workClass: WorkClass): void {
	const reserved = workClass.reserved as Worker;
	workClass.reserved = undefined;
	reserved.standing.reservedFor = undefined;
	scheduler.wokenWorkers.add(reserved);
	wakeWanting(scheduler);
}

function wakeWanting(scheduler: Scheduler): void {
	for (const workClass of scheduler.wanting) scheduler.wokenClasses.add(workClass);
}

function enlist(scheduler: Scheduler, workClass: WorkClass, worker: Worker, available: boolean): void {
	const { number } = worker.standing;
	workClass.eligible.delete(number);
	workClass.embedded.delete(number);
	if (available && exclusion(workClass.needs, worker) === undefined) {
		const able = isEmbedded(worker) ? workClass.embedded : workClass.eligible;
		able.add(number);
		// Only with somebody on both sides does a fallback have a time: the class has to look at it.
		if (able.size === 1 && workClass.queue.size > 0) scheduler.wokenClasses.add(workClass);
		return;
	}
	if (workClass.reserved === worker) {
		release(scheduler, workClass);
		scheduler.wokenClasses.add(workClass);
	}
	// With the last of the others gone the first task may fall back at once.
	if (workClass.eligible.size === 0 && workClass.queue.size > 0) scheduler.wokenClasses.add(workClass);
}

function indexWarm(scheduler: Scheduler, worker: Worker, warm: readonly string[]): void {
	const { standing } = worker;
	for (const repository of standing.warm) {
		const workers = scheduler.warm.get(repository) as Set<Worker>;
		workers.delete(worker);
		if (workers.size === 0) scheduler.warm.delete(repository);
	}
	standing.warm = new Set(warm);
	for (const repository of standing.warm) {
		const workers = scheduler.warm.get(repository);
		if (workers === undefined) scheduler.warm.set(repository, new Set([worker]));
		else workers.add(worker);
	}
}
