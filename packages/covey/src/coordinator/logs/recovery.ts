import { stat, truncate } from "node:fs/promises";
import { join } from "node:path";
import type { Logger } from "#kit/logger.ts";
import { OpenLog } from "./attempt-log.ts";
import { readEnding } from "./ending.ts";
import { compressedSuffix, segmentName } from "./paths.ts";
import { ifMissing, listSegments, readSegment, type Segment } from "./segment.ts";

/** Finds the end of a log that a process before this one wrote, and cuts off a torn tail. */
export async function recoverLog(
	directory: string,
	attempt: number,
	common: { readonly bytesMax: number; readonly logger: Logger },
): Promise<OpenLog> {
	const found = await listSegments(directory);
	const ending = await readEnding(directory);
	const { end, lastBytes } = await scanLog(directory, found);
	const sizes = await Promise.all(found.map((segment) => sizeOf(directory, segment)));
	const segments = found.map((segment, index) => {
		const bytes = index === found.length - 1 ? lastBytes : sizes[index]!;
		return { first: segment.first, bytes, written: bytes };
	});
	const last = segments.at(-1);
	if (last !== undefined && ending === undefined) await truncate(join(directory, segmentName(last.first)), last.bytes);
	const stored = segments.reduce((sum, segment) => sum + segment.bytes, 0);
	const log = new OpenLog({ directory, attempt, segments, end: Math.max(end, ending?.end ?? 0), stored, ...common });
	log.finished = ending !== undefined;
	return log;
}

/** Reads the last segment: where its last whole record ends, in the file and in the log. */
export async function scanLog(directory: string, segments: readonly Segment[]): Promise<{ end: number; lastBytes: number }> {
	const last = segments.at(-1);
	let end = last?.first ?? 0;
	let lastBytes = 0;
	if (last === undefined) return { end, lastBytes };
	for await (const { frame, position, bytes } of readSegment(directory, last)) {
		end = frame.offset + frame.length;
		lastBytes = position + bytes;
	}
	return { end, lastBytes };
}

/** Compressed ones count as they are: they belong to a log that has ended. */
async function sizeOf(directory: string, segment: Segment): Promise<number> {
	const path = join(directory, segmentName(segment.first));
	const plain = await stat(path).catch(ifMissing(undefined));
	return (plain ?? (await stat(path + compressedSuffix))).size;
}
