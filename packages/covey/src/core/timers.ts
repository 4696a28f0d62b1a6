import type { Hold } from "./hold.ts";
import type { WorkClass } from "./scheduling/class.ts";
import { Heap, type Positioned } from "./scheduling/heap.ts";
import type { Task } from "./task.ts";
import type { Worker } from "./worker.ts";

/**
 * Each thing has at most one timer, whose meaning follows from the thing's state:
 * - a task that is held back (`notBefore`, backoff): it joins its queue; one that waits for its preferred machine: it may
 *   go anywhere; one that is claimed or in progress: its lease ends, margin included;
 * - a disconnected worker: it is gone; the hold of an ask: its asker has been silent for too long; a constraint class: its first task may fall back to the embedded worker.
 */
export interface Timer extends Positioned {
	at: number;
	readonly owner: TimerOwner;
}

export type TimerOwner = Task | Worker | WorkClass | Hold;

export type Timers = Heap<Timer>;

export function createTimers(): Timers {
	return new Heap<Timer>((left, right) => left.at < right.at);
}

/** Sets or moves the owner's timer; undefined removes it. */
export function setTimer(timers: Timers, owner: TimerOwner, at: number | undefined): void {
	const timer = owner.timer;
	if (timer === undefined) {
		if (at !== undefined) timers.push((owner.timer = { at, owner, position: -1 }));
	} else if (at === undefined) {
		owner.timer = undefined;
		timers.remove(timer);
	} else if (timer.at !== at) {
		timer.at = at;
		timers.update(timer);
	}
}
