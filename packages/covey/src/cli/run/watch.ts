import { type FinalRecord, type Fleet, type FollowOptions, finalRecord } from "@covey/client";
import type { TaskView } from "@covey/protocol/task";
import { say, talkStyle } from "#cli/terminal.ts";
import { placementLine } from "./lines.ts";
import { OutputWriter } from "./output-writer.ts";

export interface WatchOptions extends Pick<FollowOptions, "attempt" | "offset" | "signal"> {
	/** Says where it runs and why. */
	readonly announce: boolean;
}

/**
 * Follows a task to its end and writes its output to stdout and stderr as it was written.
 *
 * @returns how it ended, after the last byte was written. @throws CoveyError; ReaderGone when nobody reads any more.
 */
export async function watchTask(fleet: Fleet, task: string, options: WatchOptions): Promise<FinalRecord> {
	const { announce, ...follow } = options;
	const writer = new OutputWriter();
	let last: TaskView | undefined;
	let announced = 0;
	for await (const item of fleet.follow(task, follow)) {
		if (item.type === "output") await writer.write(item.stream, item.data);
		if (item.type === "gap") {
			await writer.flush();
			say(`${talkStyle.yellow("covey:")} ${item.bytes} bytes of output are missing here`);
		}
		if (item.type !== "task") continue;
		last = item.task;
		const { placement } = item.task;
		if (announce && placement && placement.attempt > announced) {
			announced = placement.attempt;
			await writer.flush();
			say(placementLine(placement, talkStyle));
		}
		if (item.task.status === "needs_human") break;
	}
	await writer.flush();
	return finalRecord(last ?? (await fleet.call("task.get", { task })));
}
