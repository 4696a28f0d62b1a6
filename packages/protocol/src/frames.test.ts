import fc from "fast-check";
import { expect, test } from "vitest";
import { decodeFrame, encodeFrame, frameHeaderBytes } from "./frames.ts";
import { wireLimits } from "./limits.ts";

const common = {
	stream: fc.constantFrom("stdout" as const, "stderr" as const),
	channel: fc.nat(0xffff_ffff),
	attempt: fc.nat(0xffff_ffff),
	offset: fc.maxSafeNat(),
};
const outputs = fc.record({ kind: fc.constant("output" as const), ...common, data: fc.uint8Array({ maxLength: 200 }) });
const gaps = fc.record({ kind: fc.constant("gap" as const), ...common, data: fc.constant(new Uint8Array(0)), length: fc.maxSafeNat() });

test("Every frame survives the wire, also out of the middle of another buffer", () => {
	fc.assert(
		fc.property(fc.oneof(outputs, gaps), fc.nat(9), (frame, shift) => {
			const bytes = encodeFrame(frame);
			const shifted = new Uint8Array(bytes.length + shift);
			shifted.set(bytes, shift);
			expect(decodeFrame(shifted.subarray(shift))).toEqual({ length: frame.data.length, ...frame });
		}),
	);
});

test("Any bytes at all decode to a frame within the limits, or to nothing", () => {
	fc.assert(
		fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
			const frame = decodeFrame(bytes);
			if (frame === undefined) return;
			expect(Number.isSafeInteger(frame.offset) && Number.isSafeInteger(frame.length)).toBe(true);
		}),
	);
});

test("The layout is the published one, byte for byte", () => {
	const frame = { kind: "output", stream: "stderr", channel: 0x01020304, attempt: 5, offset: 0x1_0000_0002 } as const;
	expect(Buffer.from(encodeFrame({ ...frame, data: Buffer.from("hi") })).toString("hex")).toBe(
		"0101020001020304000000050000000000000001000000026869",
	);
	expect(Buffer.from(encodeFrame({ ...frame, kind: "gap", data: new Uint8Array(0), length: 7 })).toString("hex")).toBe(
		"0102020001020304000000050000000000000001000000020000000000000007",
	);
});

const good = encodeFrame({ kind: "output", stream: "stdout", channel: 1, attempt: 1, offset: 0, data: Buffer.from("x") });
const broken: readonly (readonly [string, (bytes: Uint8Array) => Uint8Array])[] = [
	["a cut header", (bytes) => bytes.subarray(0, frameHeaderBytes - 1)],
	["another version", (bytes) => bytes.with(0, 2) as Uint8Array],
	["an unknown kind", (bytes) => bytes.with(1, 3)],
	["an unknown stream", (bytes) => bytes.with(2, 0)],
	["an offset that no number holds", (bytes) => bytes.with(16, 0xff)],
	["a gap without its length", (bytes) => bytes.with(1, 2)],
	["more bytes than the limit", () => new Uint8Array(wireLimits.frameBytesMax + 1).with(0, 1).with(1, 1).with(2, 1)],
];

test.each(broken)("With %s it is no frame", (_, spoil) => {
	expect(decodeFrame(good)).toBeDefined();
	expect(decodeFrame(spoil(good))).toBeUndefined();
});
