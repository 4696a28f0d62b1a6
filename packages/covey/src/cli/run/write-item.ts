import type { OutputItem } from "@covey/client";
import { say, talkStyle } from "#cli/terminal.ts";
import type { OutputWriter } from "./output-writer.ts";

/** Writes a piece of output, or says that one is missing. @returns the offset behind it. @throws ReaderGone */
export async function writeItem(writer: OutputWriter, item: OutputItem): Promise<number> {
	if (item.type === "output") {
		await writer.write(item.stream, item.data);
		return item.offset + item.data.length;
	}
	await writer.flush();
	say(`${talkStyle.yellow("covey:")} ${item.bytes} bytes of output are missing here`);
	return item.offset + item.bytes;
}
