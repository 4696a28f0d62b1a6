import { expect, test } from "vitest";
import { linesOf, reportOf, reportOfLines } from "./recording.fixture.ts";

const readsCents = { test: "parsePrice › reads cents", file: "test/price.test.js", line: 9, col: 10, message: "not a price: 12.50 EUR" };
const total = {
	test: "total",
	file: "test/price.test.js",
	line: 16,
	col: 33,
	message: `expect(received).toEqual(expected) // deep equality

- Expected  - 1
+ Received  + 1

  Object {
    "items": 2,
-   "total": 4,
+   "total": 3,
  }`,
};
const slow = {
	test: "slow",
	file: "test/price.test.js",
	line: 18,
	col: 1,
	message: `thrown: "Exceeded timeout of 50 ms for a test.
Add a timeout value to this test to increase the timeout, if this is a long-running test. See https://jestjs.io/docs/api#testname-fn-timeout."`,
};
const syntax = {
	test: "test/syntax.test.js",
	file: "test/syntax.test.js",
	line: 2,
	col: 11,
	message: "SyntaxError: /srv/dev/shop/test/syntax.test.js: Unexpected token (2:11)",
};

test("tests that fail and files that cannot run are failures, each with the frame in its test file", () => {
	expect(reportOf("jest", "jest-failures")).toEqual({
		tests: { passed: 2, failed: 3, ignored: 2 },
		failures: [
			readsCents,
			total,
			slow,
			{
				test: "test/broken.test.js",
				file: "test/broken.test.js",
				line: 1,
				col: 1,
				message: "Cannot find module '../src/missing.js' from 'test/broken.test.js'",
			},
			syntax,
			{ test: "test/hollow.test.js", file: "test/hollow.test.js", message: "Your test suite must contain at least one test." },
		],
		diagnostics: [],
		leftOut: { failures: 0, diagnostics: {} },
		notes: ["3 test files failed to run, and no test of such a file is counted"],
	});
});

test("jest in colour reads the same", () => {
	const report = reportOf("jest", "jest-color");
	expect(report.tests).toEqual({ passed: 1, failed: 3, ignored: 2 });
	expect(report.failures).toEqual([readsCents, total, slow, syntax]);
});

test("the tree of --verbose adds nothing", () => {
	expect(reportOf("jest", "jest-verbose").failures).toEqual([readsCents, total, slow]);
});

test("a run that passes is its counts and no more", () => {
	expect(reportOf("jest", "jest-passes")).toEqual({
		tests: { passed: 1, failed: 0, ignored: 0 },
		failures: [],
		diagnostics: [],
		leftOut: { failures: 0, diagnostics: {} },
		notes: [],
	});
});

test("a pattern that matches no test file is said, and of how many", () => {
	const report = reportOf("jest", "jest-none");
	expect(report.tests).toEqual({ passed: 0, failed: 0, ignored: 0 });
	expect(report.notes).toEqual(['no test ran: the filter "nothinglike" matched nothing in 5 test files']);
});

test("a filter that matches no test does not hide files that cannot run", () => {
	const report = reportOf("jest", "jest-filter-none");
	expect(report.tests).toEqual({ passed: 0, failed: 0, ignored: 7 });
	expect(report.failures.map(({ file }) => file)).toEqual(["test/syntax.test.js", "test/hollow.test.js", "test/broken.test.js"]);
	expect(report.notes).toEqual(["3 test files failed to run, and no test of such a file is counted"]);
});

test("a filter that matches no test is said with the filter", () => {
	const lines = linesOf("jest-filter-none").filter((line) => !/^FAIL|^ /.test(line));
	expect(reportOfLines("jest", lines).notes).toEqual(['no test ran: the filter "nothinglike" matched nothing in 7 tests']);
});

test("failures that jest repeats in its summary of all failing tests are told once", () => {
	const lines = linesOf("jest-failures");
	const summary = lines.findIndex((line) => line.startsWith("Test Suites:"));
	const sections = lines.slice(0, summary);
	const report = reportOfLines("jest", [...sections, "Summary of all failing tests", ...sections, ...lines.slice(summary)]);
	expect(report).toEqual(reportOf("jest", "jest-failures"));
});

test("a log that ends before the summary leaves the counts unknown and says so", () => {
	const lines = linesOf("jest-failures");
	const report = reportOfLines(
		"jest",
		lines.slice(
			0,
			lines.findIndex((line) => line.startsWith("Tests:")),
		),
	);
	expect(report).not.toHaveProperty("tests");
	expect(report.notes).toContain("the log ends before the summary: the counts are unknown");
});

test("a test with two errors is one failure, told by the first", () => {
	const report = reportOf("jest", "jest-hooks");
	const file = "test/hooks.test.js";
	expect(report.tests).toEqual({ passed: 0, failed: 3, ignored: 0 });
	expect(report.failures).toEqual([
		{ test: "a › one", file, line: 1, col: 47, message: "no database" },
		{ test: "a › two", file, line: 1, col: 47, message: "no database" },
		{ test: "later", file, line: 2, col: 52, message: "thrown later" },
	]);
});
