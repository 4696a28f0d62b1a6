import { attemptKey, isEnded } from "@covey/protocol";
import type { Effect } from "#core/effect.ts";
import type { Event } from "#core/event.ts";
import type { Fleet } from "#core/fleet.ts";
import { classKey, needsOf } from "#core/scheduling/class.ts";
import { nextTimerAt } from "#core/step.ts";
import { priorityOf, type Task } from "#core/task.ts";
import type { Worker } from "#core/worker.ts";
import type { Holds } from "./holds.ts";
import type { Run } from "./oracle.ts";
import { Shares } from "./shares.ts";
import { Violation, type World } from "./world.ts";

const minute = 60_000;
/** No client of a world may be silent for longer. */
export const longestHoldMs = 2 * minute;

/** The processes of an attempt, as the machines see them. */
export type RunsOf = (task: string, attempt: number) => readonly Run[];

/** Audits what the coordinator believes: leases and slots, who waits and for what, and in which order they are served. */
export class Books {
	readonly #world: World;
	readonly #holds: Holds;
	readonly #runsOf: RunsOf;
	/** What has been wrong since when, and may be so for a while only. */
	readonly #since = new Map<string, number>();
	/** The order in which tasks came, which nothing that happens to them may change. */
	readonly #order = new Map<string, number>();
	/** The newest attempt of each task that was looked at when it was placed. */
	readonly #placed = new Map<string, number>();
	readonly #shares = new Shares();

	constructor(world: World, holds: Holds, runsOf: RunsOf) {
		this.#world = world;
		this.#holds = holds;
		this.#runsOf = runsOf;
	}

	/** A new process of the coordinator: its patience begins anew. */
	restart(): void {
		this.#since.clear();
		this.#shares.restart();
	}

	stepped(fleet: Fleet, event: Event, effects: readonly Effect[], now: number): void {
		if (event.type === "task.submit") for (const { id } of event.tasks) this.#numberTask(fleet, id);
		const placed = effects.flatMap((effect) => (effect.type === "assign" ? this.#newlyPlaced(fleet, effect.message.task) : []));
		for (const task of placed) this.#checkTurn(fleet, task);
		if (placed.length > 0) this.#shares.served(fleet, placed);
		const looks = this.#world.ticks % 16 === 0;
		// One slot comes and goes quickly: once work waits for it, it is looked at all the time, or moments would be taken for minutes.
		if (looks || this.#since.has(leftLying)) this.#checkFallback(fleet, now);
		if (!looks) return;
		this.#checkConservation(fleet, now);
		this.#checkWorkers(fleet);
		this.#checkTasks(fleet, now);
	}

	#numberTask(fleet: Fleet, id: string): void {
		const task = fleet.tasks.get(id);
		if (task !== undefined && !this.#order.has(id)) this.#order.set(id, task.order);
	}

	/** An assignment that is sent again was placed earlier. */
	#newlyPlaced(fleet: Fleet, id: string): readonly Task[] {
		const task = fleet.tasks.get(id);
		if (task?.status !== "claimed" || this.#placed.get(id) === task.attempt) return [];
		this.#placed.set(id, task.attempt);
		return [task];
	}

	/** First in, first out among the tasks of one submitter that ask for the same at the same priority and could run now. */
	#checkTurn(fleet: Fleet, task: Task): void {
		const { id, submission, submitter } = task.spec;
		if (submission.prefer !== undefined) return;
		const key = classKey(needsOf(submission, false));
		for (const other of fleet.tasks.values()) {
			const asks = other.spec.submission;
			if (other.ticket === undefined || other.spec.submitter !== submitter || asks.prefer !== undefined) continue;
			if (priorityOf(other) !== priorityOf(task) || classKey(needsOf(asks, false)) !== key) continue;
			if (this.#order.get(other.spec.id)! < this.#order.get(id)!)
				throw new Violation(`${id} was placed before ${other.spec.id}, which ${submitter} had asked for earlier`);
		}
	}

	#checkWorkers(fleet: Fleet): void {
		for (const { record, held, slotsUsed } of fleet.workers.values()) {
			const sum = held.values().reduce((total, slots) => total + slots, 0);
			if (sum !== slotsUsed) throw new Violation(`${record.name} counts ${slotsUsed} slots and holds ${sum}`);
			for (const key of held.keys()) {
				const task = fleet.tasks.get(key.slice(0, key.lastIndexOf(".")));
				if (task?.lease?.worker !== record.name || attemptKey(task.spec.id, task.attempt) !== key)
					throw new Violation(`${key} is held by ${record.name}, but by no task`);
			}
		}
	}

	#checkTasks(fleet: Fleet, now: number): void {
		for (const task of fleet.tasks.values()) {
			const { id } = task.spec;
			const { lease } = task;
			const live = task.status === "claimed" || task.status === "in_progress";
			if (live !== (lease !== undefined)) throw new Violation(`${id} is ${task.status} ${live ? "without" : "with"} a lease`);
			if (live && !fleet.workers.get(lease!.worker)?.held.has(attemptKey(id, task.attempt)))
				throw new Violation(`${id} attempt ${task.attempt} has a lease that ${lease!.worker} does not hold`);
			const runs = live ? this.#runsOf(id, task.attempt) : [];
			// What runs on a machine that sleeps cannot be ended.
			this.#during(`${id} was to be cancelled`, task.cancel !== undefined && runs.some((run) => !run.asleep()), 5 * minute);
			const abandoned = !isEnded(task.status) && task.cancel === undefined && task.asks.every((ask) => this.#holds.isSilent(ask));
			// A new process of the coordinator, which has to hear of everybody first, begins to count anew.
			this.#during(`nobody held ${id} any more`, abandoned, longestHoldMs + minute);
			this.#during(`the lease of ${id} had ended`, live && lease!.until + fleet.config.leaseMarginMs < now, minute);
			const unmanned = task.status === "in_progress" && runs.length === 0;
			this.#during(`${id} attempt ${task.attempt} was in progress without a process`, unmanned, 10 * minute);
		}
	}

	/** A free worker and a task that it could run do not stay apart. */
	#checkConservation(fleet: Fleet, now: number): void {
		const free = [...fleet.workers.values()].some(
			(worker) => worker.record.identity.kind !== "embedded" && takesWork(worker, now) && worker.slotsUsed < (worker.offer?.slots ?? 0),
		);
		const placeable = fleet.tasks.values().some((task) => task.status === "pending" && (task.waitUntil ?? 0) <= now && runsAnywhere(task));
		this.#during("a free worker and a task that any worker could run stayed apart", free && placeable, minute);
	}

	/** The embedded worker takes over when policy says so, and at once when nobody else is here. */
	#checkFallback(fleet: Fleet, now: number): void {
		const here = [...fleet.workers.values()].filter(({ status }) => status === "connected");
		const embedded = here.find(({ record }) => record.identity.kind === "embedded");
		const idle = embedded !== undefined && embedded.slotsUsed === 0 && takesWork(embedded, now);
		const due = (task: Task): boolean => task.status === "pending" && runsAnywhere(task) && fallsBackAt(task, here.length === 1) <= now;
		const left = idle && fleet.tasks.values().some(due);
		// What is due is looked at by the tick that is on its way; what is not ends the count also then.
		if (left && (nextTimerAt(fleet) ?? Number.POSITIVE_INFINITY) <= now) return;
		this.#during(leftLying, left, minute);
	}

	/** Something that may hold for a while, but not for longer than `mostMs`. */
	#during(what: string, holds: boolean, mostMs: number): void {
		if (!holds) {
			this.#since.delete(what);
			return;
		}
		const since = this.#since.get(what);
		if (since === undefined) this.#since.set(what, this.#world.now);
		else if (this.#world.now - since > mostMs) throw new Violation(`${what} for ${Math.round((this.#world.now - since) / 1000)} s`);
	}

	/** When everything has ended and history holds it, nothing of it is left in memory. */
	finish(fleet: Fleet): void {
		const { tasks, keys, halves, holds, timers, scheduler, newest } = fleet;
		const left = {
			tasks: [...tasks.values()].filter(({ status }) => isEnded(status)).length,
			"dedup keys": keys.dedup.size - tasks.size,
			"merge keys": keys.merge.size - tasks.size,
			"supersede keys": keys.supersede.size - tasks.size,
			halves: halves.size,
			holds: holds.size,
			timers: timers.size - tasks.size - [...fleet.workers.values()].filter(({ status }) => status === "disconnected").length,
			"woken classes": scheduler.wokenClasses.size,
			"woken workers": scheduler.wokenWorkers.size,
			"queued tasks": scheduler.classes.values().reduce((sum, { queue }) => sum + queue.size, 0) - tasks.size,
			"listed tasks": [...newest.from()].length - tasks.size,
			"numbers of workers": scheduler.workers.length - fleet.workers.size,
		};
		for (const [what, count] of Object.entries(left)) if (count > 0) throw new Violation(`${count} ${what} stay in memory for ever`);
		const counted = Object.values(fleet.tally).reduce((sum, count) => sum + count, 0);
		if (counted !== tasks.size) throw new Violation(`the tally counts ${counted} tasks and there are ${tasks.size}`);
	}
}

const leftLying = "work was due to the idle embedded worker";

function runsAnywhere({ spec: { submission } }: Task): boolean {
	const { constraints, prefer } = submission;
	return constraints.machine === undefined && Object.keys(constraints.tags).length === 0 && constraints.slots === 1 && prefer === undefined;
}

/** Would anything be given to it, if it has a slot? */
function takesWork({ record, status, pressure, standing, seenAt }: Worker, now: number): boolean {
	return (
		status === "connected" &&
		// Whoever declined something and then fell silent is given nothing until it is heard again.
		(seenAt ?? 0) > now - minute / 2 &&
		!record.draining &&
		!record.revoked &&
		record.namespaces.length === 0 &&
		pressure?.admits !== false &&
		standing.reservedFor === undefined
	);
}

/** When the embedded worker may take it, at the latest; `alone`: there is no other. */
function fallsBackAt({ spec, pendingSince, waitUntil }: Task, alone: boolean): number {
	const { fallback } = spec.submission.policies;
	if (fallback === "never") return Number.POSITIVE_INFINITY;
	const readyAt = Math.max(pendingSince, waitUntil ?? 0);
	return alone || fallback === "always" ? readyAt : readyAt + fallback.afterMs;
}
