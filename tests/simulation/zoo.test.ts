import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { finds, mustSee } from "./corpus.ts";
import { simulate } from "./simulation.ts";
import { type FaultName, zoo } from "./zoo.ts";

const docs = fileURLToPath(new URL("../../docs/simulation.md", import.meta.url));
const ticks = 20_000;
/** Hundreds of seeds on a busy machine. */
const timeout = 300_000;
const names = Object.keys(zoo) as FaultName[];
/** Seeds that a fault was looked for in, and must not be what was found. */
const searched = new Map<number, FaultName>();

describe("the bug zoo", { timeout }, () => {
	it.each(names.map((name) => ({ name, ...zoo[name] })))("finds within $seeds seeds that $peer ($name)", async ({ name, seeds }) => {
		for (let seed = 1; seed <= seeds; seed++) {
			const { violation } = await simulate(seed, ticks, { fault: name });
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
	it.each([{ driver: false }, { driver: true }])("replays exactly (driver: $driver)", async (setting) => {
		const [first, second] = [await simulate(7, ticks, setting), await simulate(7, ticks, setting)];
		expect(second.hash).toBe(first.hash);
		expect(second.ticks).toBe(first.ticks);
		expect((await simulate(8, ticks, setting)).hash).not.toBe(first.hash);
	});
});

describe("the real driver", { timeout }, () => {
	it("tells, answers and archives only what is on disk, whatever happens to it", async () => {
		const seen = new Set<string>();
		for (let seed = 1; seed <= 60; seed++) {
			const { violation, sometimes } = await simulate(seed, ticks, { driver: true });
			expect(violation, `seed ${seed}`).toBeUndefined();
			for (const what of sometimes.keys()) seen.add(what);
		}
		expect([...seen]).toEqual(expect.arrayContaining(mustSee.filter((what) => what.startsWith("driver"))));
	});

	it("is caught on a journal that confirms what it has not stored", async () => {
		const { violation } = await simulate(1, ticks, { driver: true, fault: "told-early" });
		expect(violation).toMatch(/is told to be .*, and the disk says/);
	});
});

describe("docs/simulation.md", () => {
	it("lists the zoo as it is; `npx vitest run tests/simulation -u` writes it", async () => {
		const rows = names.map((name) => `| \`${name}\` | ${zoo[name].lesson} | ${zoo[name].peer} | ${zoo[name].seeds} |`);
		const table = ["| fault | lesson | what is seen | seeds |", "| --- | --- | --- | --- |", ...rows].join("\n");
		const page = readFileSync(docs, "utf8");
		const written = page.replace(/(?<=<!-- zoo -->\n)[\s\S]*(?=<!-- \/zoo -->)/, () => `${table}\n`);
		await expect(written).toMatchFileSnapshot(docs);
	});

	it.each(finds)("names a test that exists: $title", ({ file, title }) => {
		expect(readFileSync(new URL(`../../${file}`, import.meta.url), "utf8")).toContain(`test("${title}"`);
	});
});
