import { readdirSync } from "node:fs";
import { expect, test } from "vitest";
import { isParserName, type ParserName } from "./parser-names.ts";
import { createParser } from "./parsers.ts";
import { linesOf, reportOf, reportOfLines } from "./recording.fixture.ts";

test("a script that runs several tools: the findings of all of them, in one report", () => {
	const report = reportOf("auto", "npm-test", { root: "/srv/dev/shop" });
	expect(report.tests).toEqual({ passed: 1, failed: 3, ignored: 2 });
	expect(report.failures.map(({ test: name }) => name)).toEqual(["parsePrice > reads cents", "total of a cart > with spaces", "slow"]);
	expect(report.diagnostics.map(({ file, line, code }) => `${file}:${line} ${code}`)).toEqual([
		"lint/cart.ts:1 TS2834",
		"lint/cart.ts:7 TS2367",
		"lint/cart.ts:8 TS2322",
		"lint/cart.ts:10 TS2322",
		"lint/cart.ts:1 @typescript-eslint/no-unused-vars",
		"lint/cart.ts:2 @typescript-eslint/no-unused-vars",
		"lint/cart.ts:3 no-var",
		"lint/cart.ts:3 @typescript-eslint/no-unused-vars",
		"lint/cart.ts:7 eqeqeq",
		"lint/cart.ts:7 no-debugger",
	]);
	expect([report.errors, report.warnings]).toEqual([9, 1]);
	expect(report.notes).toEqual([]);
});

test("a script that stopped at its first tool leaves the tests unknown", () => {
	const report = reportOf("auto", "npm-test-stops");
	expect(report.errors).toBe(4);
	expect(report).not.toHaveProperty("tests");
});

/** Cargo that fails before it compiles writes nothing that only cargo writes. */
const unmarked = ["cargo-manifest", "cargo-test-bad-package"];
const recordings = readdirSync(new URL("fixtures/", import.meta.url))
	.map((name) => name.replace(/\.log$/, ""))
	.filter((name) => readerOf(name) !== undefined && !unmarked.includes(name));

test.each(recordings)("%s is recognised, and read as its own parser reads it", (recording) => {
	expect(reportOf("auto", recording)).toEqual(reportOf(readerOf(recording)!, recording));
});

test("when no tool is recognised, what looks like an error is told", () => {
	expect(reportOfLines("auto", linesOf("cargo-test-bad-package")).diagnostics).toEqual([
		{ level: "error", message: "package ID specification `nope` did not match any packages" },
	]);
});

test("people read what any of the tools writes for machines", () => {
	const parser = createParser("auto");
	const shown = linesOf("cargo-build-json").map((line) => parser.readable?.(line));
	expect(shown[0]).toBe("   Compiling shop v0.1.0 (/srv/dev/shop)");
	expect(shown[1]).toMatch(/^warning: unused variable/);
	expect(shown).toContain(undefined);
	expect(parser.readable?.("plain")).toBe("plain");
});

test.each([
	"5 files processed in 0.3s",
	"   Compiling 5 files with Solc 0.8",
	"# example/readme.md",
	"Found 3 errors.",
	"5 tests completed",
	" PASS  the gate",
	"error TS is no code",
	"Checked 3 things in the attic",
])("%s is nobody's mark", (line) => {
	expect(reportOfLines("auto", [line, "src/a.c:3:1: error: no"])).toEqual({
		failures: [],
		diagnostics: [{ level: "error", file: "src/a.c", line: 3, col: 1, message: "no" }],
		errors: 1,
		leftOut: { failures: 0, diagnostics: {} },
		notes: [],
	});
});

function readerOf(recording: string): ParserName | undefined {
	if (recording.startsWith("nextest")) return "cargo";
	if (recording.startsWith("node-test")) return "node-test";
	const [tool] = recording.split("-");
	return isParserName(tool) ? tool : undefined;
}
