import type { Explanation, TaskView, WorkerView } from "@covey/protocol";
import type { Task } from "./task.ts";
import type { TokenRecord } from "./token.ts";
import type { Worker } from "./worker.ts";

/** Reading the live fleet. All results are copies, safe to keep. */
export interface FleetView {
	/** Live tasks and ended ones that history does not hold yet. */
	task(id: string): TaskView | undefined;
	/** The live record itself, for events that want one back. Not a copy. */
	taskRecord(id: string): Readonly<Task> | undefined;
	/** Newest first, over the tasks in memory; `before` is the order of the last one seen. */
	tasks(query: TaskQuery): { readonly tasks: readonly TaskView[]; readonly next?: number };
	/** By id, the newest first: those before the id `before`. */
	tasksById(query: { readonly limit: number; readonly before?: string }): readonly TaskView[];
	worker(name: string): WorkerView | undefined;
	workerRecord(name: string): Readonly<Worker> | undefined;
	workers(): readonly WorkerView[];
	token(id: string): Readonly<TokenRecord> | undefined;
	tokens(): readonly Readonly<TokenRecord>[];
	explain(id: string, now: number): Explanation | undefined;
	counts(): FleetCounts;
	/** How many ended tasks are still in memory, because history does not hold them yet. */
	endedHeld(): number;
}

export interface TaskQuery {
	readonly limit: number;
	readonly before?: number;
	readonly matches: (task: Readonly<Task>) => boolean;
}

export interface FleetCounts {
	readonly tasks: Readonly<Record<"pending" | "claimed" | "in_progress" | "needs_human", number>>;
	readonly workers: { readonly connected: number; readonly disconnected: number; readonly draining: number };
	readonly slots: { readonly total: number; readonly used: number };
}
