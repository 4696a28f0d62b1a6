import { expect, test } from "vitest";
import { linesOf, reportOf, reportOfLines } from "./recording.fixture.ts";

const readsCents = {
	test: "parsePrice > reads cents",
	file: "test/price.test.ts",
	line: 10,
	col: 10,
	message: "Error: not a price: 12.50 EUR",
};
const cart = {
	test: "total of a cart > with spaces",
	file: "test/price.test.ts",
	line: 18,
	col: 15,
	message: `AssertionError: expected { items: 2, total: 3, currency: 'EUR' } to deeply equal { items: 2, total: 4, currency: 'EUR' }

- Expected
+ Received

  {
    "currency": "EUR",
    "items": 2,
-   "total": 4,
+   "total": 3,
  }`,
};
const slow = {
	test: "slow",
	file: "test/price.test.ts",
	line: 20,
	col: 1,
	message:
		'TestTimeoutError: Test timed out in 50ms.\nIf this is a long-running test, pass a timeout value as the last argument or configure it globally with "testTimeout".',
};

test("files that do not load, tests that fail, and a rejection outside tests are failures, each with the frame in its test file", () => {
	const report = reportOf("vitest", "vitest-failures");
	expect(report.tests).toEqual({ passed: 3, failed: 3, ignored: 2 });
	const [broken, syntax, ...failures] = report.failures;
	expect(broken).toEqual({
		test: "test/broken.test.ts",
		file: "test/broken.test.ts",
		line: 1,
		col: 1,
		message: "Error: Cannot find module '../src/missing.ts' imported from /srv/dev/shop/test/broken.test.ts",
	});
	expect(syntax).toMatchObject({ test: "test/syntax.test.ts", file: "test/syntax.test.ts", line: 3, col: 12 });
	expect(syntax?.message).toContain("[PARSE_ERROR] Unexpected token");
	expect(failures).toEqual([
		readsCents,
		cart,
		slow,
		{ test: "unhandled rejection", file: "test/unhandled.test.ts", line: 3, col: 17, message: "Error: nobody waits for me" },
	]);
	expect(report.notes).toEqual(["2 test files failed to load, and no test of such a file is counted"]);
});

test.each(["vitest-color", "vitest-verbose"])("%s reads the same", (recording) => {
	expect(reportOf("vitest", recording)).toEqual({
		tests: { passed: 1, failed: 3, ignored: 2 },
		failures: [readsCents, cart, slow],
		diagnostics: [],
		leftOut: { failures: 0, diagnostics: {} },
		notes: [],
	});
});

test("a run that passes is its counts and no more", () => {
	expect(reportOf("vitest", "vitest-passes")).toEqual({
		tests: { passed: 1, failed: 0, ignored: 0 },
		failures: [],
		diagnostics: [],
		leftOut: { failures: 0, diagnostics: {} },
		notes: [],
	});
});

test("no test file that matches is said", () => {
	const report = reportOf("vitest", "vitest-none");
	expect(report.tests).toEqual({ passed: 0, failed: 0, ignored: 0 });
	expect(report.notes).toEqual(['no test ran: no test file matches "nothinglike"']);
});

test("a run in which every test is skipped is no green run", () => {
	expect(reportOf("vitest", "vitest-filter-none").notes).toEqual(["no test ran: all 6 are ignored or skipped"]);
	expect(reportOf("vitest", "vitest-filter-none", { filter: "nothinglike" }).notes).toEqual([
		'no test ran: the filter "nothinglike" matched nothing in 6 tests',
	]);
});

test("a log that ends before the summary leaves the counts unknown and says so", () => {
	const lines = linesOf("vitest-failures");
	const report = reportOfLines(
		"vitest",
		lines.slice(
			0,
			lines.findIndex((line) => line.startsWith(" Test Files")),
		),
	);
	expect(report).not.toHaveProperty("tests");
	expect(report.failures).toHaveLength(6);
	expect(report.notes).toContain("the log ends before the summary: the counts are unknown");
});

test("a hook that fails is told for its suite, an error that tests share for each of them", () => {
	const report = reportOf("vitest", "vitest-hooks");
	expect(report.tests).toEqual({ passed: 0, failed: 3, ignored: 2 });
	const file = "test/shared.test.ts";
	expect(report.failures).toEqual([
		{ test: "a", file, line: 2, col: 47, message: "Error: no database" },
		{ test: "b > one", file, line: 3, col: 48, message: "Error: no disk" },
		{ test: "b > two", file, line: 3, col: 48, message: "Error: no disk" },
		{ test: "snap", file, line: 4, col: 37, message: 'Error: Snapshot `snap 1` mismatched\n\n- Expected\n+ Received\n\n- "c"\n+ "a\n+ b"' },
	]);
});
