import { expect, test } from "vitest";
import { createLeaseClock } from "./lease-clock.ts";

test.each([
	["both clocks agree", [10, 10], 10],
	["the machine slept", [10, 60_000], 60_000],
	["the wall clock was set back", [10, -60_000], 10],
	["the wall clock was nudged", [10, 15], 10],
])("when %s, leases see the longer time", (_name, [monotonicStep, wallStep], seen) => {
	let [monotonic, wall] = [5, 1_000_000];
	const now = createLeaseClock(
		() => monotonic,
		() => wall,
	);
	const before = now();
	monotonic += monotonicStep as number;
	wall += wallStep as number;
	expect(now() - before).toBe(seen);
});
