import { expect, test } from "vitest";
import { createParser } from "./parsers.ts";
import { linesOf, reportOf, reportOfLines } from "./recording.fixture.ts";

const cents = {
	test: "example.com/shop/price TestParsesCents",
	file: "price_test.go",
	line: 15,
	message: "price_test.go:12: about to parse\nprice_test.go:15: got 12, want 1250: expected space in input to match format",
};
const many = {
	test: "example.com/shop/price TestMany/x_y",
	file: "price_test.go",
	line: 23,
	message: 'price_test.go:23: cannot parse "x y":\n      expected integer',
};
const panics = {
	test: "example.com/shop/panics TestPanics",
	file: "panics/panics_test.go",
	line: 9,
	message: "panic: assignment to entry in nil map [recovered, repanicked]",
};
const undefinedName = { level: "error", file: "broken/broken.go", line: 4, col: 9, message: "undefined: undefinedName" };
const wrongVerb = {
	level: "error",
	file: "vetted/v_test.go",
	line: 5,
	col: 40,
	message: 'fmt.Printf format %d has arg "x" of wrong type string',
};

test("go test: failures with their packages, a parent of a failed subtest not again, and the packages that did not build; passing tests are not told", () => {
	expect(reportOf("go", "go-test-failures", { root: "/srv/dev/shop" })).toEqual({
		failures: [panics, cents, many],
		diagnostics: [
			undefinedName,
			{ level: "error", file: "cmd/main.go", line: 3, col: 8, message: '"os" imported and not used' },
			{ level: "error", file: "cmd/main.go", line: 5, col: 15, message: "declared and not used: x" },
			wrongVerb,
		],
		errors: 4,
		leftOut: { failures: 0, diagnostics: {} },
		notes: ["3 packages failed to build, so no test of these ran: example.com/shop/broken, example.com/shop/cmd, example.com/shop/vetted"],
	});
});

test("go test -v counts the tests, without those that only hold subtests", () => {
	const report = reportOf("go", "go-test-verbose", { root: "/srv/dev/shop/" });
	expect(report.tests).toEqual({ passed: 3, failed: 3, ignored: 1 });
	expect(report.failures).toEqual([cents, many, panics]);
});

test("go test -json says the same, though packages come interleaved", () => {
	const report = reportOf("go", "go-test-json", { root: "/srv/dev/shop" });
	expect(report.tests).toEqual({ passed: 3, failed: 3, ignored: 1 });
	expect(report.failures).toEqual([cents, many, panics]);
	expect(report.diagnostics).toEqual([undefinedName, wrongVerb]);
	expect(report.notes).toEqual(["2 packages failed to build, so no test of these ran: example.com/shop/broken, example.com/shop/vetted"]);
});

test("people read the output of an event and nothing of the others", () => {
	const parser = createParser("go");
	const shown = linesOf("go-test-json").map((line) => parser.readable?.(line));
	expect(shown.slice(0, 3)).toEqual([
		"# example.com/shop/broken [example.com/shop/broken.test]",
		"broken/broken.go:4:9: undefined: undefinedName",
		undefined,
	]);
});

test("a filter that matches nothing is said, though go calls it ok", () => {
	const report = reportOf("go", "go-test-filter-none", { filter: "Nothing" });
	expect(report.tests).toEqual({ passed: 0, failed: 0, ignored: 0 });
	expect(report.notes).toEqual(['no test ran: the filter "Nothing" matched nothing in 2 packages']);
});

test("a run that passes with -v is its counts and no more", () => {
	expect(reportOf("go", "go-test-passes-v")).toEqual({
		tests: { passed: 1, failed: 0, ignored: 0 },
		failures: [],
		diagnostics: [],
		leftOut: { failures: 0, diagnostics: {} },
		notes: [],
	});
});

test("go vet and go build tell errors with their places", () => {
	expect(reportOf("go", "go-vet").diagnostics).toEqual([
		{ level: "error", file: "cmd/main.go", line: 5, col: 15, message: "declared and not used: x" },
		undefinedName,
		wrongVerb,
	]);
	expect(reportOf("go", "go-build").errors).toBe(3);
});

test("a timeout fails the test that was running", () => {
	expect(reportOf("go", "go-test-timeout").failures).toEqual([
		{ test: "example.com/shop/price TestParses", message: "panic: test timed out after 1ns\n\trunning tests:\n\t\tTestParses (0s)" },
	]);
});

test("a package that fails though none of its tests did is a failure itself", () => {
	expect(
		reportOfLines("go", ["--- FAIL: TestA (0.00s)", "    a_test.go:3: no", "FAIL", "FAIL\ta\t0.1s", "exit status 3", "FAIL\tb\t0.1s"])
			.failures,
	).toEqual([
		{ test: "a TestA", file: "a_test.go", line: 3, message: "a_test.go:3: no" },
		{ test: "b", message: "the package failed, but none of its tests did" },
	]);
});

test("packages without test files are said", () => {
	expect(reportOfLines("go", ["?   \texample.com/shop/empty\t[no test files]"]).notes).toEqual(["no test ran: no package has test files"]);
});

test.each(["go-test-verbose", "go-test-json"])("%s that ends within a package says that there may be more", (recording) => {
	const lines = linesOf(recording);
	const report = reportOfLines(
		"go",
		lines.slice(
			0,
			lines.findIndex((line) => line.includes("TestMany")),
		),
	);
	expect(report.tests).toEqual({ passed: 1, failed: 1, ignored: 0 });
	expect(report.notes).toContain("the log ends before the tool did: the counts are what was seen until then");
});
