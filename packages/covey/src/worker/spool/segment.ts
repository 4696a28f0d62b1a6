import { open, readFile } from "node:fs/promises";
import { join } from "node:path";
import { decodeFrame, type OutputFrame } from "@covey/protocol";
import type { SpoolRecord } from "./record.ts";

/** Frames on disk, oldest first, each with its length before it: `<first offset>.frames`. Written once, never changed. */
export interface Segment {
	readonly path: string;
	readonly offset: number;
	/** Behind its last byte. */
	readonly end: number;
	readonly bytes: number;
}

const prefixBytes = 4;
export const segmentSuffix = ".frames";

/** @throws the system's error, as for a full disk; the file may then be there in part and is written anew by the next try. */
export async function writeSegment(directory: string, records: readonly SpoolRecord[]): Promise<Segment> {
	const [first, last] = [records[0] as SpoolRecord, records.at(-1) as SpoolRecord];
	const path = join(directory, `${String(first.offset).padStart(16, "0")}${segmentSuffix}`);
	const parts = records.flatMap(({ frame }) => {
		const prefix = Buffer.allocUnsafe(prefixBytes);
		prefix.writeUInt32BE(frame.length);
		return [prefix, frame];
	});
	const file = await open(path, "w", 0o600);
	try {
		// At most 1024 buffers go into one call of the system.
		for (let at = 0; at < parts.length; at += 1024) await writeAll(file, parts.slice(at, at + 1024));
	} finally {
		await file.close();
	}
	return { path, offset: first.offset, end: last.end, bytes: parts.reduce((sum, part) => sum + part.length, 0) };
}

/** What can be read of it: a missing or torn file gives fewer frames, never wrong ones. */
export async function readSegment(segment: Segment): Promise<OutputFrame[]> {
	const bytes = await readFile(segment.path).catch(() => Buffer.alloc(0));
	const frames: OutputFrame[] = [];
	for (let at = 0; at + prefixBytes <= bytes.length; ) {
		const length = bytes.readUInt32BE(at);
		const frame = decodeFrame(bytes.subarray(at + prefixBytes, at + prefixBytes + length));
		if (frame === undefined) break;
		frames.push(frame);
		at += prefixBytes + length;
	}
	return frames;
}

async function writeAll(file: Awaited<ReturnType<typeof open>>, parts: readonly Uint8Array[]): Promise<void> {
	const wanted = parts.reduce((sum, part) => sum + part.length, 0);
	const { bytesWritten } = await file.writev([...parts]);
	if (bytesWritten === wanted) return;
	// A short write: the disk is nearly full, or a signal came. The rest says which.
	await file.writeFile(Buffer.concat(parts).subarray(bytesWritten));
}
