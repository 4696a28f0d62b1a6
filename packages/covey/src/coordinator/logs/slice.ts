import type { OutputFrame } from "@covey/protocol/frames";

/** The part of a frame from `offset` on, which must lie inside it. */
export function sliceFrame(frame: OutputFrame, offset: number): OutputFrame {
	const skip = offset - frame.offset;
	if (skip <= 0) return frame;
	return { ...frame, offset, data: frame.kind === "gap" ? frame.data : frame.data.subarray(skip), length: frame.length - skip };
}

/** Marks `length` missing bytes. */
export function gapFrame(attempt: number, offset: number, length: number): OutputFrame {
	return { kind: "gap", stream: "stdout", channel: 0, attempt, offset, data: nothing, length };
}

const nothing = new Uint8Array(0);
