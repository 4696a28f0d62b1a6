import fc from "fast-check";
import { expect, test } from "vitest";
import { negotiate, VersionRange } from "./version.ts";

const ranges = fc
	.tuple(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 0, max: 5 }))
	.map(([low, span]): [number, number] => [low, low + span]);

test("Two sides meet at the highest version that both speak, whichever asks, or not at all", () => {
	fc.assert(
		fc.property(ranges, ranges, (ours, theirs) => {
			const both = Array.from({ length: 20 }, (_, version) => version).filter((version) =>
				[ours, theirs].every(([low, high]) => low <= version && version <= high),
			);
			expect(negotiate(ours, theirs)).toBe(both.at(-1));
			expect(negotiate(theirs, ours)).toBe(both.at(-1));
		}),
	);
});

test("A range from high to low, or from zero, is refused", () => {
	expect(VersionRange.safeParse([2, 1]).success).toBe(false);
	expect(VersionRange.safeParse([0, 1]).success).toBe(false);
	expect(VersionRange.safeParse([1, 2]).success).toBe(true);
});
