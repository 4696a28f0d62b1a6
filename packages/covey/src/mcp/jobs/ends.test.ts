import fc from "fast-check";
import { expect, test } from "vitest";
import { mcpLimits } from "#mcp/limits.ts";
import { Ends } from "./ends.ts";
import { Lines } from "./lines.ts";

const filled = (lines: readonly string[]): Ends => {
	const ends = new Ends();
	for (const line of lines) ends.push(line);
	return ends;
};

test("a short text is whole", () => {
	const ends = filled(["one", "two", "three"]);
	expect(ends.both(1000)).toEqual({ text: "one\ntwo\nthree", leftOut: 0 });
	expect(ends.tail(2, 1000)).toEqual(["two", "three"]);
	expect(ends.last).toBe("three");
});

test("of a long text head and tail are kept, and what stood between is counted", () => {
	const ends = filled(Array.from({ length: 10_000 }, (_, at) => `line ${at}`));
	const { text, leftOut } = ends.both(600);
	const lines = text.split("\n");
	expect(lines[0]).toBe("line 0");
	expect(lines.at(-1)).toBe("line 9999");
	expect(text).toContain(`… ${leftOut} lines left out …`);
	expect(lines.length - 1 + leftOut).toBe(10_000);
	expect(text.length).toBeLessThan(700);
});

test("whatever comes, memory is bounded and the end is the end", () => {
	fc.assert(
		fc.property(
			fc.array(
				fc.oneof(
					fc.string(),
					fc.integer({ min: 0, max: 50_000 }).map((length) => "x".repeat(length)),
				),
				{ maxLength: 400 },
			),
			(lines) => {
				const ends = filled(lines);
				expect(ends.lines).toBe(lines.length);
				const all = ends.tail(10_000, Number.MAX_SAFE_INTEGER);
				expect(all.join("").length).toBeLessThanOrEqual(mcpLimits.headCharsMax + mcpLimits.tailCharsMax);
				const last = lines.at(-1);
				if (last !== undefined && last.length <= mcpLimits.tailCharsMax) expect(ends.last).toBe(last);
				expect(ends.both(2000).text.length).toBeLessThan(2000 + 2100);
			},
		),
		{ numRuns: 60 },
	);
});

test("bytes become lines wherever they are cut, and an endless line is cut short", () => {
	const text = "höhe\r\nzwei\n\n😀 drei";
	fc.assert(
		fc.property(fc.array(fc.integer({ min: 1, max: 5 })), (cuts) => {
			const seen: string[] = [];
			const lines = new Lines((line) => seen.push(line));
			let rest = new TextEncoder().encode(text);
			for (const cut of cuts) {
				lines.push(rest.subarray(0, cut));
				rest = rest.subarray(cut);
			}
			lines.push(rest);
			lines.end();
			expect(seen).toEqual(["höhe\r", "zwei", "", "😀 drei"]);
		}),
	);
	const seen: number[] = [];
	const lines = new Lines((line) => seen.push(line.length));
	for (let i = 0; i < 100; i++) lines.push(new Uint8Array(100_000).fill(120));
	lines.end();
	expect(seen).toEqual([64 * 1024]);
});
