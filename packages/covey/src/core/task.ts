import type { Ask, Attempt, Outcome, Placement, TaskStatus, TaskSubmission } from "@covey/protocol";
import type { Ticket } from "./scheduling/queue.ts";
import type { Timer } from "./timers.ts";

/**
 * A task in the coordinator's memory. `spec` never changes after submission and is journalled once; of the rest each
 * change journals all but those lists that are still the same. So a list is replaced when it changes, never written to.
 */
export interface Task {
	readonly spec: TaskSpec;
	status: TaskStatus;
	updatedAt: number;
	endedAt?: number;
	outcome?: Outcome;
	exitCode?: number | null;
	message?: string;
	asks: readonly Ask[];
	/** Higher than what `spec` asks for, once a more urgent ask was merged into it. Never lowered. */
	raisedTo?: number;
	/** Number of the current attempt; 0 before the first claim. */
	attempt: number;
	/** The current attempt last. Bounded by `limits.attemptsMax`. */
	attempts: readonly Attempt[];
	/** One per attempt, same order and bound. */
	placements: readonly Placement[];
	/** Set once; the attempt ends with this reason as its outcome. */
	cancel?: { reason: "cancelled" | "superseded"; at: number; by: string; force: boolean };
	/** Not placed before this time: `notBefore`, or the backoff of a retry. */
	waitUntil?: number;
	/** When it last became pending: what waiting time and spill count from. */
	pendingSince: number;
	/** Order of submission over the whole fleet: FIFO ties are broken by it, never by the clock. */
	readonly order: number;
	/** Not journalled: the lease of the current attempt. Undefined unless claimed or in progress. */
	lease?: Lease;
	/** Not journalled: its place in a queue, while it waits in one. */
	ticket?: Ticket;
	/** Not journalled; see `timers.ts`. */
	timer?: Timer;
	/** Not journalled: the lists as the journal has them; undefined when it has none of them from this process. */
	written?: TaskLists;
}

/** What a change of a task journals only when it is new. */
export type TaskLists = Pick<Task, "asks" | "attempts" | "placements">;

/** A task as the journal holds it, apart from its `spec`. */
export type JournalledTask = Omit<Task, "spec" | "lease" | "ticket" | "timer" | "written">;

/** How urgent it is: as the most urgent of all that were merged into it. */
export function priorityOf({ spec, raisedTo }: Task): number {
	return raisedTo ?? spec.submission.priority;
}

export interface TaskSpec {
	readonly id: string;
	readonly submission: TaskSubmission;
	readonly submitter: string;
	readonly createdAt: number;
}

/** The right of one session to run one attempt until a time. Lives in memory; after a restart every lease gets one full term of grace. */
export interface Lease {
	readonly task: string;
	readonly attempt: number;
	readonly worker: string;
	/** The session that may report. Changes when the worker reconnects and claims the attempt in its sync. */
	session: string | undefined;
	/** The process that may claim it in its sync; undefined after a restart, until the first sync that lists it. */
	instance: string | undefined;
	/** `assign.sequence` in that session. */
	assigned: number;
	until: number;
}
