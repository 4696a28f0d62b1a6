import { expect, test } from "vitest";
import { Pace } from "./pace.ts";

/** Reads as [bytes, milliseconds after the one before]. @returns whether the reader rests after the last of them. */
function restsAfter(...reads: readonly (readonly [bytes: number, afterMs: number])[]): boolean {
	const pace = new Pace();
	let now = 0;
	let rests = false;
	for (const [bytes, afterMs] of reads) rests = pace.rests(bytes, (now += afterMs));
	return rests;
}

const lines = (count: number, afterMs = 0.1) => Array.from({ length: count }, () => [80, afterMs] as const);

test.each([
	["a few words come at once", lines(10), false],
	["a stream of lines is read at rest", lines(100), true],
	["and stays so while the rests take longer than was asked for", [...lines(100), ...lines(100, 2.5)], true],
	["lines that come one by one are read one by one", lines(100, 5), false],
	["a full pipe is read without rest", [...lines(100), [65_536, 1.2]], false],
	["after a pause the first words come at once again", [...lines(100), [80, 50]], false],
] as const)("%s", (_, reads, expected) => {
	expect(restsAfter(...(reads as (readonly [number, number])[]))).toBe(expected);
});
