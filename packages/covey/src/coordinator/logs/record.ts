import { decodeFrame, encodeFrame, frameHeaderBytes, type OutputFrame, writeFrameHeader } from "@covey/protocol/frames";
import { wireLimits } from "@covey/protocol/limits";
import { recordPrefixBytes } from "./limits.ts";

/** A frame as it lies in a segment: its length (32 bits, big-endian), then the frame of `@covey/protocol/frames`. */
export function recordBytes(frame: OutputFrame): number {
	return recordPrefixBytes + frameHeaderBytes + (frame.kind === "gap" ? 8 : frame.data.length);
}

/** The record as buffers to write one after another; the payload is not copied. */
export function encodeRecord(frame: OutputFrame): Uint8Array[] {
	if (frame.kind === "gap") {
		const bytes = encodeFrame(frame);
		const prefix = new Uint8Array(recordPrefixBytes);
		new DataView(prefix.buffer).setUint32(0, bytes.length);
		return [prefix, bytes];
	}
	const head = Buffer.allocUnsafe(recordPrefixBytes + frameHeaderBytes);
	head.writeUInt32BE(frameHeaderBytes + frame.data.length, 0);
	writeFrameHeader(new DataView(head.buffer, head.byteOffset, head.length), recordPrefixBytes, frame);
	return [head, frame.data];
}

export type DecodedRecord =
	| { readonly kind: "record"; readonly frame: OutputFrame; readonly bytes: number }
	/** The rest lies beyond these bytes. */
	| { readonly kind: "short" }
	/** No record can begin like this. */
	| { readonly kind: "broken" };

/** Decodes the record that begins at `at`. The frame shares memory with `bytes`. */
export function decodeRecord(bytes: Buffer, at: number): DecodedRecord {
	if (bytes.length - at < recordPrefixBytes) return { kind: "short" };
	const length = bytes.readUInt32BE(at);
	if (length < frameHeaderBytes || length > wireLimits.frameBytesMax) return { kind: "broken" };
	const from = at + recordPrefixBytes;
	if (bytes.length < from + length) return { kind: "short" };
	const frame = decodeFrame(bytes.subarray(from, from + length));
	return frame === undefined ? { kind: "broken" } : { kind: "record", frame, bytes: recordPrefixBytes + length };
}
