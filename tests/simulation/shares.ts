import type { Fleet } from "#core/fleet.ts";
import { classKey, needsOf } from "#core/scheduling/class.ts";
import { priorityOf, type Task } from "#core/task.ts";
import { Violation } from "./world.ts";

/**
 * How many slots one submitter may get ahead of another that waits for the very same. Some are rightly ahead: who had
 * less before, and who was given work of several slots. Thousands of floods have not seen more than six.
 */
const slotsAheadMax = 12;

/**
 * Audits the fair shares: while somebody waits, nobody else gets much more of the same. What the waiting one is given
 * meanwhile, of whatever kind, is taken off.
 */
export class Shares {
	/** Slots, by kind of work, by who waits, by who was served. */
	readonly #ahead = new Map<string, Map<string, Map<string, number>>>();

	/** A new process of the coordinator does not know who had how much. */
	restart(): void {
		this.#ahead.clear();
	}

	/** One step has placed these tasks. */
	served(fleet: Fleet, placed: readonly Task[]): void {
		const waiting = whoWaits(fleet);
		this.#forget(waiting);
		for (const task of placed) {
			const { submitter, submission } = task.spec;
			this.#takeOff(submitter, submission.constraints.slots);
			// A task with a wish may have come out of either of two queues.
			if (submission.prefer !== undefined) continue;
			const kind = kindOf(classKey(needsOf(submission, false)), task);
			for (const waiter of waiting.get(kind) ?? [])
				if (waiter !== submitter) this.#count(kind, waiter, submitter, submission.constraints.slots);
		}
	}

	/** Whoever no longer waits was served. */
	#forget(waiting: ReturnType<typeof whoWaits>): void {
		for (const [kind, waiters] of this.#ahead) {
			for (const waiter of waiters.keys()) if (waiting.get(kind)?.has(waiter) !== true) waiters.delete(waiter);
			if (waiters.size === 0) this.#ahead.delete(kind);
		}
	}

	#count(kind: string, waiter: string, served: string, slots: number): void {
		const waiters = this.#ahead.get(kind) ?? new Map<string, Map<string, number>>();
		this.#ahead.set(kind, waiters);
		const ahead = waiters.get(waiter) ?? new Map<string, number>();
		waiters.set(waiter, ahead);
		const sum = (ahead.get(served) ?? 0) + slots;
		ahead.set(served, sum);
		if (sum > slotsAheadMax) throw new Violation(`${served} was given ${sum} slots more than ${waiter}, who waited for the same meanwhile`);
	}

	#takeOff(submitter: string, slots: number): void {
		for (const waiters of this.#ahead.values()) {
			const ahead = waiters.get(submitter);
			for (const [served, sum] of ahead ?? []) ahead!.set(served, Math.max(0, sum - slots));
		}
	}
}

function whoWaits(fleet: Fleet): ReadonlyMap<string, ReadonlySet<string>> {
	const waiting = new Map<string, Set<string>>();
	for (const task of fleet.tasks.values()) {
		if (task.ticket === undefined) continue;
		const kind = kindOf(task.ticket.lane.queue.key, task);
		const submitters = waiting.get(kind) ?? new Set();
		waiting.set(kind, submitters.add(task.spec.submitter));
	}
	return waiting;
}

/** Work that asks for the same at the same priority. */
function kindOf(key: string, task: Task): string {
	return `${priorityOf(task)} ${key}`;
}
