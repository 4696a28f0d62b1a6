import type { TaskStatus } from "@covey/protocol";
import { type Changes, createChanges } from "./changes.ts";
import type { Effect } from "./effect.ts";
import type { Hold } from "./hold.ts";
import { createKeys, type Keys } from "./keys.ts";
import { limits } from "./limits.ts";
import { Newest } from "./newest.ts";
import { createScheduler, type Scheduler } from "./scheduling/scheduler.ts";
import type { JournalledTask, Task, TaskSpec } from "./task.ts";
import { createTimers, type Timers } from "./timers.ts";
import type { TokenRecord } from "./token.ts";
import type { Worker } from "./worker.ts";

/** The bounds that a fleet is run with; `limits` by default. */
export interface FleetConfig {
	readonly leaseTtlMs: number;
	readonly leaseMarginMs: number;
	readonly tasksLiveMax: number;
	readonly specBytesMax: number;
	readonly workersMax: number;
	readonly tokensMax: number;
}

/**
 * All that the coordinator knows, owned and changed by `step` alone. Records (tasks, workers, tokens, `order`) are
 * journalled; the rest is presence and indexes, and begins anew with each process.
 */
export interface Fleet {
	readonly config: FleetConfig;
	readonly tasks: Map<string, Task>;
	readonly workers: Map<string, Worker>;
	readonly tokens: Map<string, TokenRecord>;
	/** What the submissions of the tasks in memory weigh; see `weight.ts`. Counted anew by `resume`. */
	specBytes: number;
	/** Last number given to a task or an audit entry. */
	order: number;
	/** The latest time seen. It never goes back: after a backward jump it waits for the world to catch up. */
	clock: number;
	/** Reports of attempts that were no longer current: turned away. */
	fenced: number;
	readonly tally: Record<TaskStatus, number>;
	readonly newest: Newest;
	readonly changes: Changes;
	readonly keys: Keys;
	/** During replay: halves of tasks whose other half has not come yet. */
	readonly halves: Map<string, { readonly spec: TaskSpec } | { readonly rest: JournalledTask }>;
	scheduler: Scheduler;
	timers: Timers;
	/** By the id of the ask. */
	readonly holds: Map<string, Hold>;
}

/** One call of `step`: what its parts share. */
export interface Turn {
	readonly fleet: Fleet;
	readonly now: number;
	readonly effects: Effect[];
}

/** An empty fleet, ready for `restore` and `resume`, or for `step` at once. */
export function createFleet(config: Partial<FleetConfig> = {}): Fleet {
	const { leaseTtlMs, leaseMarginMs, tasksLiveMax, specBytesMax, workersMax, tokensMax } = limits;
	return {
		config: { leaseTtlMs, leaseMarginMs, tasksLiveMax, specBytesMax, workersMax, tokensMax, ...config },
		tasks: new Map(),
		workers: new Map(),
		tokens: new Map(),
		specBytes: 0,
		order: 0,
		clock: 0,
		fenced: 0,
		tally: { pending: 0, claimed: 0, in_progress: 0, done: 0, failed: 0, needs_human: 0, cancelled: 0 },
		newest: new Newest(),
		changes: createChanges(),
		keys: createKeys(),
		halves: new Map(),
		scheduler: createScheduler(),
		timers: createTimers(),
		holds: new Map(),
	};
}

export { records, takeChanges } from "./changes.ts";
export { stateHash } from "./digest.ts";
export { restore, resume } from "./restore.ts";
export { viewOf } from "./view-of.ts";
