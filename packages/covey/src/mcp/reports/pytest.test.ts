import { expect, test } from "vitest";
import { linesOf, reportOf, reportOfLines } from "./recording.fixture.ts";

const failures = [
	{ test: "tests/test_price.py::test_till", file: "tests/test_price.py", line: 26, message: "RuntimeError: the till is locked" },
	{
		test: "tests/test_price.py::test_parses_cents",
		file: "tests/test_price.py",
		line: 10,
		message: "AssertionError: cents\nassert 12 == 12.5\n +  where 12 = parse('12 EUR')",
	},
	{
		test: "tests/test_price.py::test_many[x y]",
		file: "tests/test_price.py",
		line: 14,
		message: "ValueError: invalid literal for int() with base 10: 'x y'",
	},
	{
		test: "tests/test_price.py::TestCart::test_total",
		file: "tests/test_price.py",
		line: 34,
		message: `AssertionError: assert {'items': 2, 'total': 3} == {'items': 2, 'total': 4}

  Omitting 1 identical items, use -vv to show
  Differing items:
  {'total': 3} != {'total': 4}
  Use -v to get more diff`,
	},
];

test.each(["pytest-failures", "pytest-color", "pytest-quiet", "pytest-short"])(
	"%s: failures by node id, with the place in the test; an error in a fixture counts as failed, an expected failure as ignored",
	(recording) => {
		expect(reportOf("pytest", recording)).toEqual({
			tests: { passed: 2, failed: 4, ignored: 2 },
			failures,
			diagnostics: [],
			leftOut: { failures: 0, diagnostics: {} },
			notes: [],
		});
	},
);

test.each(["pytest-verbose", "pytest-xdist"])("%s names the same failures in the same places", (recording) => {
	const report = reportOf("pytest", recording);
	expect(report.tests).toEqual({ passed: 2, failed: 4, ignored: 2 });
	const placed = (list: readonly { readonly test: string; readonly line?: number }[]) =>
		list.map(({ test, line }) => `${line} ${test}`).sort();
	expect(placed(report.failures)).toEqual(placed(failures));
});

test("a file that cannot be collected is a failure with its place, and no test counts as passed", () => {
	const report = reportOf("pytest", "pytest-collect");
	expect(report.tests).toEqual({ passed: 0, failed: 2, ignored: 0 });
	expect(report.failures).toEqual([
		{ test: "broken/test_import.py", file: "broken/test_import.py", line: 1, message: "ModuleNotFoundError: No module named 'nowhere'" },
		{
			test: "broken/test_syntax.py",
			file: "broken/test_syntax.py",
			line: 1,
			message: '  File "/srv/dev/shop/broken/test_syntax.py", line 1\n    def test_y(:\n               ^\nSyntaxError: invalid syntax',
		},
	]);
	expect(report.notes).toEqual(["pytest stopped early: Interrupted: 2 errors during collection"]);
});

test("a filter that deselects every test is said", () => {
	const report = reportOf("pytest", "pytest-filter-none", { filter: "nothinglike" });
	expect(report.tests).toEqual({ passed: 0, failed: 0, ignored: 0 });
	expect(report.notes).toEqual(['no test ran: the filter "nothinglike" matched nothing in 8 tests']);
});

test("a path that is not there is an error, and that no test ran is said", () => {
	const report = reportOf("pytest", "pytest-nodir");
	expect(report.diagnostics).toEqual([{ level: "error", message: "file or directory not found: nowhere" }]);
	expect(report.notes).toEqual(["no test ran: none was found"]);
});

test("deselected tests are not ignored ones", () => {
	expect(reportOf("pytest", "pytest-passes")).toEqual({
		tests: { passed: 1, failed: 0, ignored: 0 },
		failures: [],
		diagnostics: [],
		leftOut: { failures: 0, diagnostics: {} },
		notes: [],
	});
});

test("tests of one name in two files keep their own messages", () => {
	const block = (value: number) => [
		"___ test_same ___",
		"",
		`>       assert ${value} == 0`,
		`E       assert ${value} == 0`,
		"",
		`tests/test_${value}.py:3: AssertionError`,
	];
	const report = reportOfLines("pytest", [
		"=== FAILURES ===",
		...block(1),
		...block(2),
		"=== short test summary info ===",
		"FAILED tests/test_1.py::test_same - assert 1 == 0",
		"FAILED tests/test_2.py::test_same - assert 2 == 0",
		"=== 2 failed in 0.01s ===",
	]);
	expect(report.failures).toEqual([
		{ test: "tests/test_1.py::test_same", file: "tests/test_1.py", line: 3, message: "assert 1 == 0" },
		{ test: "tests/test_2.py::test_same", file: "tests/test_2.py", line: 3, message: "assert 2 == 0" },
	]);
});

test("a log that ends before the summary leaves the counts unknown and says so", () => {
	const lines = linesOf("pytest-failures");
	const report = reportOfLines(
		"pytest",
		lines.slice(
			0,
			lines.findIndex((line) => line.includes("short test summary")),
		),
	);
	expect(report).not.toHaveProperty("tests");
	expect(report.failures).toHaveLength(4);
	expect(report.notes).toEqual(["the log ends before the summary: the counts are unknown"]);
});

test("a conftest.py that does not load is an error with its place, and nothing was counted", () => {
	expect(reportOf("pytest", "pytest-conftest")).toEqual({
		failures: [],
		diagnostics: [{ level: "error", file: "conftest.py", line: 1, message: "ModuleNotFoundError: No module named 'nowhere'" }],
		errors: 1,
		leftOut: { failures: 0, diagnostics: {} },
		notes: [],
	});
});

test("a run that stops at the first failure says so", () => {
	const report = reportOf("pytest", "pytest-maxfail");
	expect(report.tests).toEqual({ passed: 1, failed: 1, ignored: 0 });
	expect(report.notes).toEqual(["pytest stopped early: stopping after 1 failures"]);
});

test("of seventy failures fifty are told and twenty are counted", () => {
	const report = reportOf("pytest", "pytest-many");
	expect(report.tests).toEqual({ passed: 0, failed: 70, ignored: 0 });
	expect(report.failures).toHaveLength(50);
	expect(report.leftOut.failures).toBe(20);
	expect(report.failures[49]).toEqual({ test: "long/test_long.py::test_n[49]", file: "long/test_long.py", message: "assert 49 < 0" });
});

test("rulers that a test prints end no block", () => {
	const lines = linesOf("pytest-failures");
	const captured = lines.indexOf("about to parse") + 1;
	const report = reportOfLines("pytest", [...lines.slice(0, captured), "=== the till ===", "=======", ...lines.slice(captured)]);
	expect(report).toEqual(reportOf("pytest", "pytest-failures"));
});
