import { priorityOf, type Task } from "#core/task.ts";
import type { FairShares, Submitter } from "./fairness.ts";
import { Heap, type Positioned } from "./heap.ts";

/** A task's place in a queue: what makes leaving it from the middle O(log n). */
export interface Ticket extends Positioned {
	readonly task: Task;
	/** The task's; here, as ordering a long queue is mostly waiting for memory. */
	readonly order: number;
	readonly lane: Lane;
}

/** The waiting tasks of one submitter at one priority, the oldest first. */
interface Lane extends Positioned {
	readonly queue: TaskQueue;
	readonly level: Level;
	readonly submitter: Submitter;
	/** The submitter's virtual time when this lane was last put in order. */
	virtualTime: number;
	readonly tickets: Heap<Ticket>;
}

interface Level {
	readonly priority: number;
	readonly lanes: Heap<Lane>;
	readonly bySubmitter: Map<Submitter, Lane>;
}

/**
 * The waiting tasks of one constraint class: highest priority, then the submitter who had least, then the oldest.
 * A submitter's virtual time rises behind the back of its lanes, so the first lane is looked at again before it is
 * believed; as times only rise, no other lane can have become the first meanwhile.
 */
export class TaskQueue {
	/** Of the class whose queue it is. */
	readonly key: string;
	readonly #shares: FairShares;
	/** Highest priority first. */
	readonly #levels: Level[] = [];
	#size = 0;

	constructor(key: string, shares: FairShares) {
		this.key = key;
		this.#shares = shares;
	}

	get size(): number {
		return this.#size;
	}

	push(task: Task): void {
		const submitter = this.#shares.enter(task.spec.submitter);
		const level = this.#level(priorityOf(task));
		const known = level.bySubmitter.get(submitter);
		const lane: Lane = known ?? {
			queue: this,
			level,
			submitter,
			virtualTime: submitter.virtualTime,
			tickets: new Heap(older),
			position: -1,
		};
		const ticket: Ticket = { task, order: task.order, lane, position: -1 };
		task.ticket = ticket;
		lane.tickets.push(ticket);
		this.#size++;
		if (known === undefined) {
			level.bySubmitter.set(submitter, lane);
			level.lanes.push(lane);
		} else if (ticket.position === 0) level.lanes.update(lane);
	}

	/** Takes a task out, from wherever it waits in this queue. */
	remove(ticket: Ticket): void {
		const { lane } = ticket;
		const wasFirst = ticket.position === 0;
		lane.tickets.remove(ticket);
		ticket.task.ticket = undefined;
		this.#size--;
		if (lane.tickets.size === 0) this.#close(lane);
		else if (wasFirst) lane.level.lanes.update(lane);
		this.#shares.leave(lane.submitter);
	}

	/** The next task to place. */
	peek(): Ticket | undefined {
		const level = this.#levels[0];
		if (level === undefined) return undefined;
		for (;;) {
			const lane = level.lanes.peek() as Lane;
			if (lane.virtualTime === lane.submitter.virtualTime) return lane.tickets.peek();
			lane.virtualTime = lane.submitter.virtualTime;
			level.lanes.update(lane);
		}
	}

	/** More than one submitter waits for the next slot. */
	get contended(): boolean {
		return (this.#levels[0]?.lanes.size ?? 0) > 1;
	}

	/** How many tasks of this queue have a higher priority, or the same and are older. */
	ahead(ticket: Ticket): number {
		let ahead = 0;
		for (const level of this.#levels) {
			if (level.priority < ticket.lane.level.priority) break;
			const same = level === ticket.lane.level;
			for (const lane of level.bySubmitter.values())
				ahead += same ? lane.tickets.count((other) => older(other, ticket)) : lane.tickets.size;
		}
		return ahead;
	}

	#level(priority: number): Level {
		const at = this.#levels.findIndex((level) => level.priority <= priority);
		const found = this.#levels[at];
		if (found?.priority === priority) return found;
		const level: Level = { priority, lanes: new Heap(earlier), bySubmitter: new Map() };
		this.#levels.splice(at < 0 ? this.#levels.length : at, 0, level);
		return level;
	}

	#close(lane: Lane): void {
		lane.level.lanes.remove(lane);
		lane.level.bySubmitter.delete(lane.submitter);
		if (lane.level.lanes.size === 0) this.#levels.splice(this.#levels.indexOf(lane.level), 1);
	}
}

function older(left: Ticket, right: Ticket): boolean {
	return left.order < right.order;
}

function earlier(left: Lane, right: Lane): boolean {
	if (left.virtualTime !== right.virtualTime) return left.virtualTime < right.virtualTime;
	return older(left.tickets.peek() as Ticket, right.tickets.peek() as Ticket);
}
