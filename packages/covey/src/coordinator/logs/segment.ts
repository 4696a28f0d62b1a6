import { createReadStream } from "node:fs";
import { open, readdir } from "node:fs/promises";
import { join } from "node:path";
import { pipeline } from "node:stream";
import { createZstdDecompress } from "node:zlib";
import type { OutputFrame } from "@covey/protocol/frames";
import { logLimits } from "./limits.ts";
import { compressedSuffix, parseSegmentName, segmentName } from "./paths.ts";
import { decodeRecord } from "./record.ts";

/** One file of a log. `bytes` counts what was queued for it too, `written` what is in it; both before compression. */
export interface Segment {
	/** Offset of its first byte of payload. */
	readonly first: number;
	bytes: number;
	written: number;
}

/** The segments of a directory in order, of unknown size; none when there is no such directory. */
export async function listSegments(directory: string): Promise<Segment[]> {
	const names = await readdir(directory).catch(ifMissing([]));
	const firsts = new Set(names.map(parseSegmentName).filter((first) => first !== undefined));
	const unknown = Number.POSITIVE_INFINITY;
	return [...firsts].sort((a, b) => a - b).map((first) => ({ first, bytes: unknown, written: unknown }));
}

/**
 * The records from `position` (before compression) up to what is written, compressed or not. Ends quietly where a
 * record is torn or broken: whoever reads sees by the offsets that something is missing.
 */
export async function* readSegment(
	directory: string,
	segment: Readonly<Segment>,
	position = 0,
): AsyncGenerator<{ readonly frame: OutputFrame; readonly position: number; readonly bytes: number }> {
	let rest: Buffer = Buffer.alloc(0);
	for await (const chunk of readChunks(join(directory, segmentName(segment.first)), segment, position)) {
		rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
		let at = 0;
		for (;;) {
			const decoded = decodeRecord(rest, at);
			if (decoded.kind === "broken") return;
			if (decoded.kind === "short") break;
			yield { frame: decoded.frame, position, bytes: decoded.bytes };
			at += decoded.bytes;
			position += decoded.bytes;
		}
		rest = rest.subarray(at);
	}
}

async function* readChunks(path: string, segment: Readonly<Segment>, position: number): AsyncGenerator<Buffer> {
	const file = await open(path).catch(ifMissing(undefined));
	if (file === undefined) {
		yield* readCompressed(path + compressedSuffix, position);
		return;
	}
	await using _ = file;
	while (position < segment.written) {
		const chunk = Buffer.allocUnsafeSlow(Math.min(logLimits.readBytes, segment.written - position));
		const { bytesRead } = await file.read(chunk, 0, chunk.length, position);
		if (bytesRead === 0) return;
		position += bytesRead;
		yield chunk.subarray(0, bytesRead);
	}
}

async function* readCompressed(path: string, skip: number): AsyncGenerator<Buffer> {
	const file = await open(path).catch(ifMissing(undefined));
	if (file === undefined) return;
	const plain = createZstdDecompress({ chunkSize: logLimits.readBytes });
	pipeline(createReadStream("", { fd: file }), plain, () => {});
	for await (const chunk of plain as AsyncIterable<Buffer>) {
		if (chunk.length > skip) yield chunk.subarray(skip);
		skip = Math.max(0, skip - chunk.length);
	}
}

/** For `catch`: `value` when the file or directory does not exist. */
export function ifMissing<T>(value: T): (error: unknown) => T {
	return (error) => {
		if ((error as NodeJS.ErrnoException).code === "ENOENT") return value;
		throw error;
	};
}
