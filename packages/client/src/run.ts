import type { OutputStream } from "@covey/protocol/frames";
import type { TaskSubmissionInput, TaskView } from "@covey/protocol/task";
import { type FinalRecord, finalRecord } from "./final-record.ts";
import type { Fleet } from "./fleet.ts";

export interface RunOptions {
	/** Each piece of output in order. What it returns is awaited, so a slow reader slows the output and nothing else. */
	readonly onOutput?: (stream: OutputStream, data: Uint8Array) => unknown;
	/** The task at each change. */
	readonly onTask?: (task: TaskView) => unknown;
	/** Cancels the task; the record then says so. */
	readonly signal?: AbortSignal;
}

/**
 * Submits a task and follows it to its end (or until it needs a person).
 *
 * @throws CoveyError when it is refused, or the link to the coordinator is closed for good; the task then goes on.
 */
export async function run(fleet: Fleet, submission: TaskSubmissionInput, options: RunOptions = {}): Promise<FinalRecord> {
	options.signal?.throwIfAborted();
	const { task: id, ask } = await fleet.submit({ dedupKey: `run-${crypto.randomUUID()}`, ...submission });
	const cancel = () => void fleet.call("task.cancel", { task: id, ask }).catch(() => {});
	if (options.signal?.aborted) cancel();
	options.signal?.addEventListener("abort", cancel, { once: true });
	let last: TaskView | undefined;
	try {
		for await (const item of fleet.follow(id, { output: options.onOutput !== undefined })) {
			if (item.type === "output") await options.onOutput?.(item.stream, item.data);
			if (item.type !== "task") continue;
			last = item.task;
			await options.onTask?.(item.task);
			if (item.task.status === "needs_human") break;
		}
	} finally {
		options.signal?.removeEventListener("abort", cancel);
	}
	return finalRecord(last ?? (await fleet.call("task.get", { task: id })));
}
