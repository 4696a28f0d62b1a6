import type { Fleet, FollowOptions } from "@covey/client";
import { say, talkStyle } from "#cli/terminal.ts";
import { OutputWriter, ReaderGone } from "./output-writer.ts";

/**
 * Prints a task's output: what there is now, or with `follow` all that comes until it has ended.
 * A reader that goes away ends it quietly. @throws CoveyError
 */
export async function printOutput(fleet: Fleet, task: string, options: FollowOptions & { readonly follow: boolean }): Promise<void> {
	const { follow, ...from } = options;
	const writer = new OutputWriter();
	try {
		for await (const item of follow ? fleet.follow(task, from) : fleet.output(task, from)) {
			if (item.type === "output") await writer.write(item.stream, item.data);
			if (item.type !== "gap") continue;
			await writer.flush();
			say(`${talkStyle.yellow("covey:")} ${item.bytes} bytes of output are missing here`);
		}
		await writer.flush();
	} catch (error) {
		if (!(error instanceof ReaderGone)) throw error;
	}
}
