import { expect, test } from "vitest";
import { ago, folded, harmless, plain, renderTable } from "./table.ts";
import { createStyle, wantsColor } from "./terminal.ts";

const { bold, red } = createStyle(true);

test("columns line up, and colours take no room", () => {
	const table = renderTable(
		["A", "LONG", "C"],
		[
			["1", red("x"), "end"],
			["1234", "y", ""],
		],
		(text) => text,
	);
	expect(table.split("\n")).toEqual(["A     LONG  C", `1     ${red("x")}     end`, "1234  y"]);
	expect(bold("x")).toBe("\x1b[1mx\x1b[0m");
});

test("what comes from elsewhere cannot steer the terminal", () => {
	expect(plain("a\x1b[2Jb\nc\x9b1m")).toBe("a\ufffd[2Jb c\ufffd1m");
	expect(plain("\x1b]52;c;aGk=\x07 done\rfailed \u202egpj.exe\u2066")).toBe("\ufffd]52;c;aGk=\ufffd done\ufffdfailed \ufffdgpj.exe\ufffd");
	expect(harmless("first\x1b[2J\nsecond\tcolumn")).toBe("first\ufffd[2J\nsecond\tcolumn");
	expect(plain("x".repeat(100), 10)).toBe("xxxxxxxxx…");
});

test("time is told in the unit that matters", () => {
	expect([0, 59_000, 60_000, 7_200_000, 200_000_000].map((ms) => ago(0, ms))).toEqual([
		"0 s ago",
		"59 s ago",
		"1 m ago",
		"2 h ago",
		"2 d ago",
	]);
});

test("FORCE_COLOR outranks NO_COLOR, which outranks the terminal; an empty variable says nothing", () => {
	expect(wantsColor(true, {})).toBe(true);
	expect(wantsColor(false, {})).toBe(false);
	expect(wantsColor(true, { NO_COLOR: "1" })).toBe(false);
	expect(wantsColor(true, { NO_COLOR: "" })).toBe(true);
	expect(wantsColor(true, { TERM: "dumb" })).toBe(false);
	expect(wantsColor(false, { FORCE_COLOR: "1", NO_COLOR: "1" })).toBe(true);
	expect(wantsColor(true, { FORCE_COLOR: "0" })).toBe(false);
});

test("a last column without a cell is left out", () => {
	const same = (text: string) => text;
	expect(renderTable(["A", "B"], [["1", ""]], same)).toBe("A\n1");
	expect(
		renderTable(
			["A", "B"],
			[
				["1", ""],
				["2", "x"],
			],
			same,
		),
	).toBe("A  B\n1\n2  x");
});

test("long lines are broken between words, and short ones stay as they are", () => {
	expect(folded("one two three\n  a  b\n", 8)).toBe("one two\nthree\n  a  b\n");
	expect(folded("unbreakable", 4)).toBe("unbreakable");
});
