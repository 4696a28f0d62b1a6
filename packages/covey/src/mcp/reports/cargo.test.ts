import { expect, test } from "vitest";
import { createParser } from "./parsers.ts";
import { linesOf, reportOf, reportOfLines } from "./recording.fixture.ts";

const warnings = [
	{ level: "warning", code: "unused_variables", file: "src/price.rs", line: 2, col: 9, message: "unused variable: `unused`" },
	{ level: "warning", code: "dead_code", file: "src/lib.rs", line: 17, col: 4, message: "function `unused_helper` is never used" },
];
const nothingLeftOut = { failures: 0, diagnostics: {} };
const addsBadly = {
	test: "tests::adds_badly",
	file: "src/lib.rs",
	line: 48,
	col: 9,
	message: "assertion `left == right` failed: two and two\n  left: 4\n right: 5",
};
const libraryFailures = [
	{ test: "price::tests::parses_cents", file: "src/price.rs", line: 15, col: 9, message: "cents are not\nread yet" },
	addsBadly,
	{ test: "tests::returns_an_error", message: 'Error: "the till is empty"' },
	{ test: "tests::unwraps_nothing", file: "src/lib.rs", line: 67, col: 11, message: "called `Option::unwrap()` on a `None` value" },
	{
		test: "tests::should_have_panicked",
		file: "src/lib.rs",
		line: 57,
		col: 8,
		message: "note: test did not panic as expected at src/lib.rs:57:8",
	},
];

test("cargo test: the failures of all test binaries and doc tests, with the place of each panic, and a warning of two targets once", () => {
	expect(reportOf("cargo", "cargo-test-failures")).toEqual({
		tests: { passed: 4, failed: 7, ignored: 1 },
		failures: [
			...libraryFailures,
			{
				test: "checks_out_late",
				file: "tests/checkout.rs",
				line: 9,
				col: 5,
				message: "assertion `left != right` failed\n  left: 2\n right: 2",
			},
			{
				test: "src/lib.rs - add (line 10)",
				file: "src/lib.rs",
				line: 10,
				message: "assertion `left == right` failed\n  left: 4\n right: 5",
			},
		],
		diagnostics: warnings,
		errors: 0,
		warnings: 2,
		leftOut: nothingLeftOut,
		notes: [],
	});
});

test("cargo test in colour reads the same", () => {
	expect(reportOf("cargo", "cargo-test-color")).toEqual({
		tests: { passed: 2, failed: 5, ignored: 1 },
		failures: libraryFailures,
		diagnostics: warnings,
		errors: 0,
		warnings: 2,
		leftOut: nothingLeftOut,
		notes: [],
	});
});

test("cargo test with a filter that matches nothing says so, and in how many", () => {
	const report = reportOf("cargo", "cargo-test-filter-none", { filter: "nothing_like_this" });
	expect(report.tests).toEqual({ passed: 0, failed: 0, ignored: 0 });
	expect(report.notes).toEqual(['no test ran: the filter "nothing_like_this" matched nothing in 10 tests']);
});

test("errors before the tests are diagnostics, and the count of tests stays unknown", () => {
	expect(reportOf("cargo", "cargo-test-compile-error")).toEqual({
		failures: [],
		diagnostics: [
			{ level: "error", code: "E0308", file: "src/lib.rs", line: 32, col: 22, message: "mismatched types" },
			{
				level: "error",
				code: "E0425",
				file: "src/lib.rs",
				line: 33,
				col: 5,
				message: "cannot find function `missing_function` in this scope",
			},
			warnings[0],
		],
		errors: 2,
		warnings: 1,
		leftOut: nothingLeftOut,
		notes: [],
	});
});

test("cargo's JSON says the same as its text, with what to write instead; a failure-note is no diagnostic", () => {
	const { diagnostics, errors, warnings: warned } = reportOf("cargo", "cargo-build-error-json");
	expect(diagnostics).toEqual([
		{ level: "error", code: "E0308", file: "src/lib.rs", line: 32, col: 22, message: "mismatched types" },
		{
			level: "error",
			code: "E0425",
			file: "src/lib.rs",
			line: 33,
			col: 5,
			message: "cannot find function `missing_function` in this scope",
		},
		{ ...warnings[0], suggestion: "if this is intentional, prefix it with an underscore: _unused" },
	]);
	expect({ errors, warned }).toEqual({ errors: 2, warned: 1 });
});

test("a build that passes counts its errors as none, since cargo said that it finished", () => {
	const { errors, warnings: warned } = reportOf("cargo", "cargo-build-json");
	expect({ errors, warned }).toEqual({ errors: 0, warned: 2 });
});

test("a build that is cut off leaves the count of errors unknown", () => {
	const lines = linesOf("cargo-build-json").filter((line) => !/build-finished|Finished/.test(line));
	const report = reportOfLines("cargo", lines);
	expect(report).not.toHaveProperty("errors");
	expect(report.notes).toEqual(["the log ends before the build did"]);
});

test("clippy's lints have their names, places and replacements, as JSON and as text", () => {
	const lint = {
		level: "warning",
		code: "clippy::needless_return",
		file: "src/lib.rs",
		line: 27,
		col: 5,
		message: "unneeded `return` statement",
	};
	const json = reportOf("cargo", "cargo-clippy-json");
	expect(json.diagnostics.map(({ code }) => code)).toEqual([
		"unused_variables",
		"dead_code",
		"clippy::needless_return",
		"clippy::ptr_arg",
		"clippy::needless_range_loop",
	]);
	expect(json.diagnostics[2]).toEqual({ ...lint, suggestion: "remove `return`: total" });
	const text = reportOf("cargo", "cargo-clippy-text");
	expect(text.diagnostics[2]).toEqual({ ...lint, suggestion: "remove `return`" });
	expect([json.warnings, text.warnings]).toEqual([5, 5]);
});

test("test results behind --message-format=json are read as text", () => {
	const report = reportOf("cargo", "cargo-test-json");
	expect(report.tests).toEqual({ passed: 4, failed: 7, ignored: 1 });
	expect(report.failures).toHaveLength(7);
	expect(report.warnings).toBe(2);
});

test("a backtrace is no part of the message", () => {
	expect(reportOf("cargo", "cargo-test-backtrace").failures).toEqual([addsBadly]);
});

test("with --nocapture the panic stands before the test's line", () => {
	const report = reportOf("cargo", "cargo-test-nocapture");
	expect(report.tests).toEqual({ passed: 2, failed: 5, ignored: 1 });
	expect(report.failures).toContainEqual(addsBadly);
});

test("a package that matches nothing is an error with cargo's own hint", () => {
	expect(reportOf("cargo", "cargo-test-bad-package").diagnostics).toEqual([
		{
			level: "error",
			message: "package ID specification `nope` did not match any packages",
			suggestion: "a package with a similar name exists: `shop`",
		},
	]);
});

test("a log that ends in the middle of the tests says how many did not report", () => {
	const lines = linesOf("cargo-test-failures");
	const report = reportOfLines("cargo", lines.slice(0, lines.indexOf("running 8 tests") + 5));
	expect(report.tests).toEqual({ passed: 2, failed: 2, ignored: 0 });
	expect(report.notes).toEqual(["a test binary, or the log, ended before the summary: of 8 tests 4 did not report"]);
});

test("a line of JSON that was cut is read from its rendered text", () => {
	const [line = ""] = linesOf("cargo-build-error-json").filter((one) => one.includes("E0425"));
	const cut = line.slice(0, line.indexOf('"$message_type"'));
	expect(reportOfLines("cargo", [cut]).diagnostics).toEqual([
		{
			level: "error",
			code: "E0425",
			file: "src/lib.rs",
			line: 33,
			col: 5,
			message: "cannot find function `missing_function` in this scope",
		},
	]);
});

test("people read the rendered text of a message and nothing of an artifact", () => {
	const parser = createParser("cargo");
	const shown = linesOf("cargo-build-json").map((line) => parser.readable?.(line));
	expect(shown[0]).toBe("   Compiling shop v0.1.0 (/srv/dev/shop)");
	expect(shown[1]?.split("\n").slice(0, 2)).toEqual(["warning: unused variable: `unused`", " --> src/price.rs:2:9"]);
	expect(shown.filter((line) => line === undefined).length).toBeGreaterThan(3);
});

test("nextest: each failure with the panic of its own thread, and the counts of the summary", () => {
	const report = reportOf("cargo", "nextest-failures");
	expect(report.tests).toEqual({ passed: 3, failed: 6, ignored: 1 });
	expect(report.failures).toEqual([
		libraryFailures[0],
		addsBadly,
		libraryFailures[2],
		libraryFailures[4],
		libraryFailures[3],
		{
			test: "checks_out_late",
			file: "tests/checkout.rs",
			line: 9,
			col: 5,
			message: "assertion `left != right` failed\n  left: 2\n right: 2",
		},
	]);
});

test("nextest in colour reads the same", () => {
	const report = reportOf("cargo", "nextest-color");
	expect(report.tests).toEqual({ passed: 1, failed: 1, ignored: 6 });
	expect(report.failures).toEqual([addsBadly]);
});

test("nextest that stops at the first failure says how many did not run", () => {
	const report = reportOf("cargo", "nextest-stops");
	expect(report.tests).toEqual({ passed: 2, failed: 1, ignored: 1 });
	expect(report.notes).toEqual(["6 tests of 9 did not run, because another failed"]);
});

test("nextest with a filter that matches nothing says so", () => {
	expect(reportOf("cargo", "nextest-none").notes).toEqual(["no test ran: the filter matched nothing in 10 tests"]);
});

test("a test that takes its whole binary down is the failure, with the signal", () => {
	const report = reportOf("cargo", "cargo-test-abort");
	expect(report.tests).toEqual({ passed: 0, failed: 1, ignored: 0 });
	expect(report.failures).toEqual([{ test: "tests::aborts", message: "the test binary died (signal: 6, SIGABRT: process abort signal)" }]);
	expect(report.notes).toEqual(["a test binary, or the log, ended before the summary: of 3 tests 3 did not report"]);
});

test("a binary that died while tests ran side by side is named itself", () => {
	const lines = linesOf("cargo-test-abort").map((line) => line.replace(/^test .* \.\.\. /, ""));
	expect(reportOfLines("cargo", lines).failures).toEqual([
		{ test: "unittests src/lib.rs", message: "the test binary died (signal: 6, SIGABRT: process abort signal)" },
	]);
});

test("nextest: a flaky test that passed at last is no failure, one that aborted each time is", () => {
	const report = reportOf("cargo", "nextest-flaky");
	expect(report.tests).toEqual({ passed: 2, failed: 1, ignored: 0 });
	expect(report.failures).toEqual([
		{ test: "tests::aborts", message: "ended with ABRT\nabout to abort\n\n(test aborted with signal 6: SIGABRT)" },
	]);
});

test("a panic outside tests is an error with its place", () => {
	expect(reportOf("cargo", "cargo-run-panic").diagnostics).toEqual([
		{
			level: "error",
			file: "src/main.rs",
			line: 1,
			col: 47,
			message: "panicked: called `Result::unwrap()` on an `Err` value: ParseIntError { kind: InvalidDigit }",
		},
	]);
});

test("a build script that fails is told with its panic", () => {
	const [failed, panic] = reportOf("cargo", "cargo-build-script").diagnostics;
	expect(failed?.message).toMatch(/^failed to run custom build command for `shop v0\.1\.0/);
	expect(panic).toEqual({ level: "error", file: "build.rs", line: 1, col: 13, message: "panicked: no compiler for C here" });
});

test("a broken manifest has its place", () => {
	expect(reportOf("cargo", "cargo-manifest").diagnostics).toEqual([
		{ level: "error", file: "Cargo.toml", line: 9, col: 7, message: "key with no value, expected `=`" },
	]);
});

test("an error inside a macro of the standard library is placed where the macro is called", () => {
	expect(reportOf("cargo", "cargo-macro-json").diagnostics).toEqual([
		{
			level: "error",
			code: "E0369",
			file: "src/lib.rs",
			line: 5,
			col: 5,
			message: "binary operation `==` cannot be applied to type `Till`",
			suggestion: "consider annotating `Till` with `#[derive(PartialEq)]`: #[derive(PartialEq)]",
		},
	]);
});

test("cargo's words between test binaries come by another stream, and may fall into the middle of a message", () => {
	const lines = linesOf("cargo-test-backtrace");
	const inMessage = lines.indexOf("assertion `left == right` failed: two and two") + 1;
	const between = ["error: test failed, to rerun pass `--lib`", "     Running tests/checkout.rs (target/debug/deps/checkout)"];
	expect(reportOfLines("cargo", [...lines.slice(0, inMessage), ...between, ...lines.slice(inMessage)]).failures).toEqual([addsBadly]);
});

test("a panic of before Rust 1.73 has its message in the same line (text of its time)", () => {
	const lines = [
		"running 1 test",
		"test tests::adds ... FAILED",
		"failures:",
		"---- tests::adds stdout ----",
		"thread 'tests::adds' panicked at 'it can't be', src/lib.rs:4:5",
		"note: run with `RUST_BACKTRACE=1` environment variable to display a backtrace",
		"test result: FAILED. 0 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s",
	];
	expect(reportOfLines("cargo", lines).failures).toEqual([
		{ test: "tests::adds", file: "src/lib.rs", line: 4, col: 5, message: "it can't be" },
	]);
});

test("one failing test among two thousand, in a log of five megabytes", () => {
	const crates = Array.from(
		{ length: 45_000 },
		(_, nth) => `   Compiling dependency-${nth} v1.0.${nth} (a registry whose name is long enough for a hundred characters and more)`,
	);
	const passing = Array.from({ length: 1999 }, (_, nth) => `test module::tests::case_${nth} ... ok`);
	const failing = linesOf("cargo-test-backtrace").filter((line) => line !== "running 1 test");
	const verdict = failing.indexOf("test tests::adds_badly ... FAILED");
	const lines = [...crates, "running 2000 tests", ...passing, ...failing.slice(verdict)].map((line) =>
		line.replace("0 passed; 1 failed", "1999 passed; 1 failed"),
	);
	expect(reportOfLines("cargo", lines)).toMatchObject({ tests: { passed: 1999, failed: 1, ignored: 0 }, failures: [addsBadly] });
});

test("sums that the compiler writes as messages are none (text of rustc's own JSON)", () => {
	const sums = ["aborting due to 2 previous errors", "1 warning emitted", "3 warnings emitted"];
	const lines = sums.map((message) =>
		JSON.stringify({ reason: "compiler-message", message: { level: /warning/.test(message) ? "warning" : "error", message, spans: [] } }),
	);
	expect(reportOfLines("cargo", lines).diagnostics).toEqual([]);
});
