import { wireLimits } from "./limits.ts";

/**
 * A binary frame: 24 bytes of header, then the bytes that the process wrote, as it wrote them. Big-endian.
 *
 *     0      version (1)
 *     1      kind: 1 output, 2 gap
 *     2      stream: 1 stdout, 2 stderr
 *     3      0
 *     4..7   channel: names the attempt (worker link) or the subscription (client socket)
 *     8..11  attempt number
 *     12..15 0
 *     16..23 offset of the first payload byte, counted over both streams of the attempt together
 *
 * The payload of a gap is 8 bytes: how many bytes are missing at this offset.
 * The same layout, one after another with a length before each, is the log segment on disk (`coordinator/logs`).
 */
export const frameHeaderBytes = 24;

export type OutputStream = "stdout" | "stderr";

export interface OutputFrame {
	readonly kind: "output" | "gap";
	readonly stream: OutputStream;
	readonly channel: number;
	readonly attempt: number;
	readonly offset: number;
	/** Output: the bytes. Gap: empty. Shares memory with the frame that it was decoded from. */
	readonly data: Uint8Array;
	/** Gap: how many bytes are missing. Output: the length of data. */
	readonly length: number;
}

/** Writes the header into `target`, which must hold `frameHeaderBytes` at `at`. */
export function writeFrameHeader(target: DataView, at: number, frame: Omit<OutputFrame, "data" | "length">): void {
	target.setUint8(at, 1);
	target.setUint8(at + 1, frame.kind === "output" ? 1 : 2);
	target.setUint8(at + 2, frame.stream === "stdout" ? 1 : 2);
	target.setUint8(at + 3, 0);
	target.setUint32(at + 4, frame.channel);
	target.setUint32(at + 8, frame.attempt);
	target.setUint32(at + 12, 0);
	target.setBigUint64(at + 16, BigInt(frame.offset));
}

export function encodeFrame(frame: Omit<OutputFrame, "length"> & { length?: number }): Uint8Array {
	const gap = frame.kind === "gap";
	const bytes = new Uint8Array(frameHeaderBytes + (gap ? 8 : frame.data.length));
	const view = new DataView(bytes.buffer);
	writeFrameHeader(view, 0, frame);
	if (gap) view.setBigUint64(frameHeaderBytes, BigInt(frame.length ?? 0));
	else bytes.set(frame.data, frameHeaderBytes);
	return bytes;
}

/** @returns undefined for anything that is not a well-formed frame within the limits. */
export function decodeFrame(bytes: Uint8Array): OutputFrame | undefined {
	if (bytes.length < frameHeaderBytes || bytes.length > wireLimits.frameBytesMax) return undefined;
	const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
	const kind = view.getUint8(1);
	const stream = view.getUint8(2);
	if (view.getUint8(0) !== 1 || kind < 1 || kind > 2 || stream < 1 || stream > 2) return undefined;
	const offset = view.getBigUint64(16);
	if (offset > BigInt(Number.MAX_SAFE_INTEGER)) return undefined;
	const gap = kind === 2;
	if (gap && bytes.length !== frameHeaderBytes + 8) return undefined;
	const missing = gap ? view.getBigUint64(frameHeaderBytes) : 0n;
	if (missing > BigInt(Number.MAX_SAFE_INTEGER)) return undefined;
	const data = gap ? bytes.subarray(bytes.length) : bytes.subarray(frameHeaderBytes);
	return {
		kind: gap ? "gap" : "output",
		stream: stream === 1 ? "stdout" : "stderr",
		channel: view.getUint32(4),
		attempt: view.getUint32(8),
		offset: Number(offset),
		data,
		length: gap ? Number(missing) : data.length,
	};
}
