import type { Fleet, FollowOptions, OutputItem } from "@covey/client";
import { OutputWriter, ReaderGone } from "./output-writer.ts";
import { writeItem } from "./write-item.ts";

/**
 * Prints a task's output: what there is now, or with `follow` all that comes until it has ended.
 * A reader that goes away ends it quietly. @throws CoveyError
 */
export async function printOutput(
	fleet: Fleet,
	task: string,
	options: Pick<FollowOptions, "attempt" | "offset"> & {
		readonly follow: boolean;
		/** Another form than the bytes themselves. */
		readonly line?: (item: OutputItem) => string;
	},
): Promise<void> {
	const { follow, line, ...from } = options;
	const writer = new OutputWriter();
	try {
		const signal = writer.failed;
		for await (const item of follow ? fleet.follow(task, { ...from, signal }) : fleet.output(task, { ...from, signal })) {
			if (item.type !== "output" && item.type !== "gap") continue;
			if (line === undefined) await writeItem(writer, item);
			else await writer.write("stdout", Buffer.from(`${line(item)}\n`));
		}
		await writer.flush();
	} catch (error) {
		if (!(error instanceof ReaderGone)) throw error;
	}
}
