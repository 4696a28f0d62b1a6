import { expect, test } from "vitest";
import type { ParserName } from "./parser-names.ts";
import { linesOf, reportOf, reportOfLines } from "./recording.fixture.ts";

const runs: readonly (readonly [ParserName, string, string])[] = [
	["cargo", "cargo-test-failures", "cargo-test-backtrace"],
	["cargo", "nextest-failures", "nextest-stops"],
	["vitest", "vitest-failures", "vitest-passes"],
	["jest", "jest-failures", "jest-passes"],
	["pytest", "pytest-failures", "pytest-passes"],
	["node-test", "node-test", "node-test"],
	["node-test", "node-test-tap", "node-test-tap-odd"],
	["node-test", "node-test-tap", "node-test-filter-none"],
	["go", "go-test-verbose", "go-test-passes-v"],
	["maven", "maven-failures", "maven-passes"],
	["ctest", "ctest", "ctest"],
];

test.each(runs)("%s: of two runs in one log, a package after the other, the second does not hide the first", (parser, first, second) => {
	const [one, two] = [reportOf(parser, first), reportOf(parser, second)];
	const both = reportOfLines(parser, [...linesOf(first), ...linesOf(second)]);
	expect(both.tests).toEqual({
		passed: one.tests!.passed + two.tests!.passed,
		failed: one.tests!.failed + two.tests!.failed,
		ignored: one.tests!.ignored + two.tests!.ignored,
	});
	expect(both.failures.slice(0, one.failures.length)).toEqual(one.failures);
});

test.each<[ParserName, string, string]>([
	["eslint", "eslint-stylish", "eslint-stylish"],
	["ruff", "ruff-full", "ruff-clean"],
	["biome", "biome-check", "biome-clean"],
])("%s: a second run that finds nothing new changes no count", (parser, first, second) => {
	const { errors, warnings } = reportOf(parser, first);
	expect(reportOfLines(parser, [...linesOf(first), ...linesOf(second)])).toMatchObject({
		errors,
		...(warnings !== undefined && { warnings }),
	});
});
