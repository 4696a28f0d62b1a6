import { expect, test } from "vitest";
import { parserNames } from "./parser-names.ts";
import { linesOf, reportOf, reportOfLines } from "./recording.fixture.ts";

test.each(parserNames)("%s: a script whose program is not installed says so, whatever tool was expected", (name) => {
	expect(reportOf(name, "npm-lint-not-found")).toEqual({
		failures: [],
		diagnostics: [{ level: "error", message: "sh: 1: eslint: not found" }],
		errors: 1,
		leftOut: { failures: 0, diagnostics: {} },
		notes: [],
	});
});

test.each([
	"sh: 1: vitest: not found",
	"/bin/sh: 1: vitest: not found",
	"sh: vitest: command not found",
	"bash: line 1: vitest: command not found",
	"zsh: command not found: vitest",
	"fish: Unknown command: vitest",
	"env: ‘vitest’: No such file or directory",
	"make: vitest: No such file or directory",
	"eslint: not found",
	"command not found: eslint",
])("%s", (line) => {
	const told = [{ level: "error", message: line }];
	for (const name of ["auto", "generic", "vitest"] as const) expect(reportOfLines(name, [line]).diagnostics).toEqual(told);
});

test("what tests print while they pass or fail is theirs", () => {
	for (const recording of ["vitest-passes", "vitest-failures"]) {
		const lines = linesOf(recording);
		expect(reportOfLines("vitest", ["sh: 1: nowhere: not found", ...lines])).toEqual(reportOfLines("vitest", lines));
	}
});

test.each(["page /shop: not found", "-- Looking for strlcpy - not found", "the user was not found", "404: not found here"])(
	"%s is no missing program",
	(line) => {
		expect(reportOfLines("auto", [line]).diagnostics).toEqual([]);
	},
);
