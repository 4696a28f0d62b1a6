import { describe, expect, it } from "vitest";
import { simulate } from "./simulation.ts";
import { type FaultName, zoo } from "./zoo.ts";

const ticks = 20_000;
const names = Object.keys(zoo) as FaultName[];
/** Seeds that a fault was looked for in, and must not be what was found. */
const searched = new Map<number, FaultName>();

describe("the bug zoo", () => {
	it.each(names.map((name) => ({ name, ...zoo[name] })))("finds within $seeds seeds that $peer ($name)", async ({ name, seeds }) => {
		for (let seed = 1; seed <= seeds; seed++) {
			const { violation } = await simulate(seed, ticks, name);
			searched.set(seed, name);
			if (violation === undefined) continue;
			process.stdout.write(`${name}: seed ${seed}: ${violation.split("\n")[0]}\n`);
			return;
		}
		expect.fail(`${seeds} seeds did not find it: the oracles, or the weather, have lost their teeth`);
	});

	it("finds nothing in the same seeds when no fault is on", async () => {
		expect(searched.size).toBeGreaterThan(0);
		for (const seed of searched.keys()) {
			const { violation } = await simulate(seed, ticks);
			expect(violation, `seed ${seed}, which found ${searched.get(seed)}`).toBeUndefined();
		}
	});
});

describe("a seed", () => {
	it("replays exactly", async () => {
		const [first, second] = [await simulate(7, ticks), await simulate(7, ticks)];
		expect(second.hash).toBe(first.hash);
		expect(second.ticks).toBe(first.ticks);
		expect((await simulate(8, ticks)).hash).not.toBe(first.hash);
	});
});
