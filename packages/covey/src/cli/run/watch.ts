import { type FinalRecord, type Fleet, type FollowOptions, finalRecord } from "@covey/client";
import type { TaskView } from "@covey/protocol/task";
import { plain } from "#cli/table.ts";
import { say, talkStyle } from "#cli/terminal.ts";
import { placementLine } from "./lines.ts";
import { OutputWriter } from "./output-writer.ts";
import { writeItem } from "./write-item.ts";

export interface WatchOptions extends Pick<FollowOptions, "attempt" | "offset"> {
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
	const place = { attempt: 0, offset: options.offset ?? 0 };
	using wait = announce ? announceWait(fleet, task) : undefined;
	let last: TaskView | undefined;
	let announced = 0;
	for await (const item of fleet.follow(task, { ...follow, signal: writer.failed })) {
		if (item.type === "attempt") Object.assign(place, { attempt: item.attempt, offset: place.attempt === 0 ? place.offset : 0 });
		if (item.type === "output" || item.type === "gap") place.offset = await writeItem(writer, item);
		if (item.type !== "task") continue;
		last = item.task;
		const { placement } = item.task;
		if (placement || item.task.status !== "pending") wait?.[Symbol.dispose]();
		if (announce && placement && placement.attempt > announced) {
			announced = placement.attempt;
			await writer.flush();
			say(placementLine(task, placement, talkStyle));
		}
		if (item.task.status !== "needs_human") continue;
		// The task has not ended and may never; its attempt has, so what is left of its output is there.
		if (place.attempt > 0) for await (const rest of fleet.output(task, place)) await writeItem(writer, rest);
		break;
	}
	await writer.flush();
	return finalRecord(last ?? (await fleet.call("task.get", { task })));
}

/** A place that is found within this time needs no talk of waiting. */
const waitToldAfterMs = 1000;

/** Says once why the task waits, unless it has a place (and this is disposed) before. */
function announceWait(fleet: Fleet, task: string): Disposable {
	let over = false;
	const explain = async (): Promise<void> => {
		const { status, sentence } = await fleet.call("task.explain", { task });
		if (!over && status === "pending") say(`${talkStyle.dim("covey:")} ${task} is pending: ${plain(sentence, 300)}`);
	};
	// What is wrong with the link is told by who follows the task.
	const timer = setTimeout(() => explain().catch(() => {}), waitToldAfterMs);
	return {
		[Symbol.dispose]: () => {
			over = true;
			clearTimeout(timer);
		},
	};
}
