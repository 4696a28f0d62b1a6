import { describe, expect, test } from "vitest";
import { linesOf, reportOf, reportOfLines } from "./recording.fixture.ts";

const root = "/srv/dev/shop";
const rest = { diagnostics: [], leftOut: { failures: 0, diagnostics: {} }, notes: [] };

test("node's own runner: the failed test, its frame in the test file, and the counts", () => {
	expect(reportOf("node-test", "node-test")).toEqual({
		tests: { passed: 1, failed: 1, ignored: 0 },
		failures: [{ test: "adds", file: "test/node.test.mjs", line: 2, col: 27, message: "AssertionError [ERR_ASSERTION]: 1 == 2" }],
		...rest,
	});
});

const broken = {
	test: "test/broken.test.js",
	file: "test/broken.test.js",
	line: 1,
	col: 1,
	message:
		"Error [ERR_MODULE_NOT_FOUND]: Cannot find module '/srv/dev/shop/src/missing.js' imported from /srv/dev/shop/test/broken.test.js",
};
const cart = [
	{
		test: "an empty cart is free",
		file: "test/price.test.js",
		line: 6,
		col: 9,
		message: "AssertionError [ERR_ASSERTION]: Expected values to be strictly equal:\n\n1 !== 0",
	},
	{
		test: "adds its items",
		file: "test/price.test.js",
		line: 11,
		col: 10,
		message: `AssertionError [ERR_ASSERTION]: Expected values to be strictly deep-equal:
+ actual - expected

  {
    currency: 'EUR',
+   sum: 7
-   sum: 6
  }`,
	},
	{
		test: "reads what is written",
		file: "test/price.test.js",
		line: 18,
		col: 4,
		message: expect.stringMatching(/^SyntaxError: Expected property name or '}' in JSON at position 1/),
	},
	{ test: "second", file: "test/price.test.js", line: 28, col: 9, message: "Error: the second step\nneeds two lines" },
];

test.each(["node-test-tap", "node-test-tap-24", "node-test-nested"])(
	"%s: a file that does not load, tests in suites and steps of tests; what is only known to fail is no failure",
	(recording) => {
		expect(reportOf("node-test", recording, { root })).toEqual({
			tests: { passed: 3, failed: 6, ignored: 3 },
			failures: [broken, ...cart],
			...rest,
		});
	},
);

test("TAP: quotes, a timeout, a thrown text, words of one's own, and a hook that fails its suite", () => {
	const file = "hooks/odd.test.js";
	expect(reportOf("node-test", "node-test-tap-odd", { root })).toEqual({
		tests: { passed: 0, failed: 5, ignored: 0 },
		failures: [
			{
				test: "quotes ' and # and \\ back",
				file,
				line: 4,
				col: 49,
				message: `AssertionError [ERR_ASSERTION]: Expected values to be strictly equal:\n+ actual - expected\n\n+ "it's"\n- "a 'b'"`,
			},
			{ test: "never ends", file, line: 5, col: 1, message: "test timed out after 30ms" },
			{ test: "throws a text", file, line: 6, col: 1, message: "just text" },
			{
				test: "says it in its own words",
				file,
				line: 9,
				col: 47,
				message: "AssertionError [ERR_ASSERTION]: the sum is 6\n+ actual - expected\n\n  {\n+   sum: 7\n-   sum: 6\n  }",
			},
			{ test: "never runs", file, line: 14, col: 2, message: "test did not finish before its parent and was cancelled" },
			{ test: "a shop without base", file, line: 12, col: 9, message: "Error: no base" },
		],
		...rest,
	});
});

test("TAP from a worker, which does not say where it ran: paths are those in the worktree", () => {
	const checkedOut = "/var/lib/covey/repositories/default/shop/trees/mwq6cxhl-0/files";
	const lines = linesOf("node-test-tap").map((line) => line.replaceAll(root, checkedOut));
	const message = broken.message.replaceAll(root, checkedOut);
	expect(reportOfLines("node-test", lines).failures).toEqual([{ ...broken, message }, ...cart]);
});

test("TAP: where the message shows neither side, both are told", () => {
	const block = ["error: 'the sum is 6'", "code: 'ERR_ASSERTION'", "name: 'AssertionError'", "expected: 6", "actual: 7"];
	const lines = [
		"TAP version 13",
		"not ok 1 - adds",
		"  ---",
		"  failureType: 'testCodeFailure'",
		...block.map((line) => `  ${line}`),
		"  ...",
	];
	expect(reportOfLines("node-test", lines).failures).toEqual([
		{ test: "adds", message: "AssertionError [ERR_ASSERTION]: the sum is 6\nexpected: 6\nactual: 7" },
	]);
});

test("TAP that ends before its counts leaves them unknown", () => {
	const lines = linesOf("node-test-tap");
	const report = reportOfLines("auto", lines.slice(0, lines.indexOf("# tests 12")), { root });
	expect(report).toEqual({ failures: [broken, ...cart], ...rest, notes: ["the log ends before the summary: the counts are unknown"] });
});

test("TAP: counts that a test prints are not those of the run", () => {
	const [head = "", ...lines] = linesOf("node-test-tap");
	const printed = ["# tests 99", "# pass 99", "# fail 0", "# cancelled 0", "# skipped 0", "# todo 0"];
	expect(reportOfLines("node-test", [head, ...printed, ...lines]).tests).toEqual({ passed: 3, failed: 6, ignored: 3 });
});

test("TAP of another writer is not Node's", () => {
	const tape = ["TAP version 13", "# adds", "ok 1 should be equal", "", "1..1", "# tests 1", "# pass  1", "", "# ok"];
	expect(reportOfLines("auto", tape)).toEqual({ failures: [], ...rest });
});

describe("a filter that matches nothing", () => {
	test.each([
		["node-test-tap-filter-none", 9, "9 tests"],
		["node-test-filter-none-20", 9, "9 tests"],
		["node-test-filter-none", 0, "2 test files"],
		["node-test-tap-24-filter-none", 0, "2 test files"],
	])("%s: no test ran, and the filter is named", (recording, ignored, where) => {
		expect(reportOf("auto", recording, { filter: "nowhere" })).toEqual({
			tests: { passed: 0, failed: 0, ignored },
			failures: [],
			...rest,
			notes: [`no test ran: the filter "nowhere" matched nothing in ${where}`],
		});
	});

	test.each(["node-test-tap-filter-none", "node-test-filter-none-20"])("%s: it is seen though nobody named it", (recording) => {
		expect(reportOf("auto", recording).notes).toEqual(["no test ran: the filter matched nothing in 9 tests"]);
	});

	test("in one file is no test more of the others", () => {
		const lines = [...linesOf("node-test-filter-none").slice(0, 1), "✔ adds (1.5ms)", "ℹ tests 2", "ℹ pass 2", "ℹ fail 0"];
		expect(reportOfLines("node-test", lines, { filter: "adds" })).toEqual({
			tests: { passed: 1, failed: 0, ignored: 0 },
			failures: [],
			...rest,
		});
	});
});

test("a test that is skipped by itself is not passed over by the filter", () => {
	const lines = ["﹣ adds (0.1ms) # SKIP", "ℹ tests 1", "ℹ pass 0", "ℹ fail 0", "ℹ cancelled 0", "ℹ skipped 1", "ℹ todo 0"];
	expect(reportOfLines("node-test", lines, { filter: "adds" }).notes).toEqual(["no test ran: the only one is ignored or skipped"]);
});

test("a file that passes without a test of its own counts, as Node counts it, and it is said", () => {
	const report = reportOf("node-test", "node-test-plain");
	expect(report.tests).toEqual({ passed: 1, failed: 0, ignored: 0 });
	expect(report.notes).toEqual(["what passed is 1 test file in which no test ran: Node counts such a file as a test"]);
});
