import { encodeFrame, frameHeaderBytes, type OutputStream, wireLimits, writeFrameHeader } from "@covey/protocol";

/** One frame of an attempt's output, ready to be sent and to be stored. */
export interface SpoolRecord {
	readonly kind: "output" | "gap";
	readonly offset: number;
	/** Behind its last byte. */
	readonly end: number;
	/** The channel in it is filled when it is sent. */
	readonly frame: Uint8Array;
}

/** Payload of one frame. */
export const payloadBytesMax = wireLimits.frameBytesMax - 64;

/** What a record costs beyond its frame, so that many small ones are bounded too. */
const overheadBytes = 128;
export const costOf = (record: SpoolRecord): number => record.frame.length + overheadBytes;

/** Copies the chunks, `bytes` in all, into one frame. */
export function packRecord(
	attempt: number,
	stream: OutputStream,
	offset: number,
	chunks: readonly Uint8Array[],
	bytes: number,
): SpoolRecord {
	const frame = Buffer.allocUnsafe(frameHeaderBytes + bytes);
	writeFrameHeader(viewOf(frame), 0, { kind: "output", stream, channel: 0, attempt, offset });
	let at = frameHeaderBytes;
	for (const chunk of chunks) {
		frame.set(chunk, at);
		at += chunk.length;
	}
	return { kind: "output", offset, end: offset + bytes, frame };
}

/** Marks `length` bytes that nobody has any more. */
export function gapRecord(attempt: number, offset: number, length: number): SpoolRecord {
	const frame = encodeFrame({ kind: "gap", stream: "stdout", channel: 0, attempt, offset, data: new Uint8Array(), length });
	return { kind: "gap", offset, end: offset + length, frame };
}

/** The record's frame for this channel, from `offset` on, which lies in it. */
export function frameFrom(record: SpoolRecord, attempt: number, channel: number, offset: number): Uint8Array {
	const from = offset - record.offset;
	if (from > 0) {
		if (record.kind === "gap") return frameFrom(gapRecord(attempt, offset, record.end - offset), attempt, channel, offset);
		const stream = record.frame[2] === 1 ? "stdout" : "stderr";
		const rest = record.frame.subarray(frameHeaderBytes + from);
		return frameFrom(packRecord(attempt, stream, offset, [rest], rest.length), attempt, channel, offset);
	}
	viewOf(record.frame).setUint32(4, channel);
	return record.frame;
}

function viewOf(bytes: Uint8Array): DataView {
	return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
