import { expect, test } from "vitest";
import { linesOf, reportOf, reportOfLines } from "./recording.fixture.ts";

const root = "/srv/dev/shop";
const nothing = { failures: [], diagnostics: [], leftOut: { failures: 0, diagnostics: {} }, notes: [] };
const passed = { ...nothing, tests: { passed: 1, failed: 0, ignored: 0 } };

test("gradle: without the stack there are still class, file and line", () => {
	expect(reportOf("gradle", "gradle-failures")).toEqual({
		...nothing,
		tests: { passed: 2, failed: 2, ignored: 1 },
		failures: [
			{ test: "shop.PriceTest > parsesCents", file: "PriceTest.java", line: 10, message: "java.lang.AssertionError" },
			{ test: "shop.PriceTest > throwsUp", file: "PriceTest.java", line: 14, message: "java.lang.NumberFormatException" },
		],
	});
});

test("gradle with full exceptions: the message, and the frame in the test's class rather than in what it calls", () => {
	const report = reportOf("gradle", "gradle-full");
	expect(report.tests).toEqual({ passed: 2, failed: 2, ignored: 1 });
	expect(report.failures).toEqual([
		{
			test: "shop.PriceTest > parsesCents",
			file: "PriceTest.java",
			line: 10,
			message: "java.lang.AssertionError: cents expected:<13> but was:<12>",
		},
		{
			test: "shop.PriceTest > throwsUp",
			file: "PriceTest.java",
			line: 14,
			message: 'java.lang.NumberFormatException: For input string: "x y"',
		},
	]);
});

test("gradle counts what passes only when the build tells it", () => {
	expect(reportOf("gradle", "gradle-passes")).toEqual(passed);
	const silent = linesOf("gradle-passes").filter((line) => !line.endsWith("PASSED"));
	expect(reportOfLines("gradle", silent)).not.toHaveProperty("tests");
});

test("gradle with a filter that matches nothing says so", () => {
	const report = reportOf("gradle", "gradle-filter-none");
	expect(report.tests).toEqual({ passed: 0, failed: 0, ignored: 0 });
	expect(report.notes).toEqual(['no test ran: the filter "Nothing" matched nothing']);
	expect(report.diagnostics).toEqual([]);
});

test("errors of javac under gradle, with the symbol that is missing", () => {
	const file = "src/main/java/shop/Broken.java";
	expect(reportOf("gradle", "gradle-compile-error", { root })).toEqual({
		...nothing,
		diagnostics: [
			{ level: "error", file, line: 1, message: "incompatible types: String cannot be converted to int" },
			{ level: "error", file, line: 1, message: "cannot find symbol: method missing()" },
		],
		errors: 2,
	});
});

test("a test task of gradle that did nothing is no green run (text of the documentation)", () => {
	expect(reportOfLines("gradle", ["> Task :app:test UP-TO-DATE", "", "BUILD SUCCESSFUL in 1s"]).notes).toEqual([
		"task :app:test ran no test: it is up to date",
	]);
});

test("what went wrong in gradle is told when no test and no compiler told it, with the place in the build file (text of the documentation)", () => {
	const lines = [
		"FAILURE: Build failed with an exception.",
		"",
		"* Where:",
		"Build file '/srv/dev/shop/build.gradle' line: 3",
		"",
		"* What went wrong:",
		"A problem occurred evaluating root project 'shop'.",
		"> Could not find method frobnicate() for arguments [1]",
		"",
		"* Try:",
		"BUILD FAILED in 1s",
	];
	expect(reportOfLines("gradle", lines, { root }).diagnostics).toEqual([
		{
			level: "error",
			file: "build.gradle",
			line: 3,
			message: "A problem occurred evaluating root project 'shop'.\n> Could not find method frobnicate() for arguments [1]",
		},
	]);
});

test("errors of kotlinc under gradle (text of the documentation)", () => {
	const lines = [
		"e: file:///srv/dev/shop/src/main/kotlin/A.kt:3:5 Unresolved reference: x",
		"w: /srv/dev/shop/src/main/kotlin/A.kt: (7, 1): Unused variable",
	];
	expect(reportOfLines("gradle", lines, { root }).diagnostics).toEqual([
		{ level: "error", file: "src/main/kotlin/A.kt", line: 3, col: 5, message: "Unresolved reference: x" },
		{ level: "warning", file: "src/main/kotlin/A.kt", line: 7, col: 1, message: "Unused variable" },
	]);
});

test.each(["maven-failures", "maven-color"])("%s: the sum of the module, not of its classes, and each failure once", (recording) => {
	expect(reportOf("maven", recording)).toEqual({
		...nothing,
		tests: { passed: 2, failed: 2, ignored: 1 },
		failures: [
			{
				test: "shop.PriceTest.parsesCents",
				file: "PriceTest.java",
				line: 10,
				message: "org.opentest4j.AssertionFailedError: cents ==> expected: <13> but was: <12>",
			},
			{
				test: "shop.PriceTest.throwsUp",
				file: "PriceTest.java",
				line: 14,
				message: 'java.lang.NumberFormatException: For input string: "x y"',
			},
		],
	});
});

test("maven that passes is its counts and no more", () => {
	expect(reportOf("maven", "maven-passes")).toEqual(passed);
});

test("the modules of maven add up", () => {
	const lines = linesOf("maven-failures");
	expect(reportOfLines("maven", [...lines, ...linesOf("maven-passes")]).tests).toEqual({ passed: 3, failed: 2, ignored: 1 });
});

test("maven with a filter that matches nothing says so", () => {
	const report = reportOf("maven", "maven-filter-none");
	expect(report.tests).toEqual({ passed: 0, failed: 0, ignored: 0 });
	expect(report.notes).toEqual(['no test ran: the filter "Nothing" matched nothing']);
});

test("errors of javac under maven are told once, though maven tells them twice", () => {
	const file = "src/main/java/shop/Broken.java";
	const report = reportOf("maven", "maven-compile-error", { root });
	expect(report.diagnostics).toEqual([
		{ level: "error", file, line: 1, col: 47, message: "incompatible types: java.lang.String cannot be converted to int" },
		{ level: "error", file, line: 1, col: 65, message: "cannot find symbol: method missing()" },
	]);
	expect(report.errors).toBe(2);
});

test("a log of maven that ends between classes says so", () => {
	const lines = linesOf("maven-failures");
	const report = reportOfLines(
		"maven",
		lines.slice(
			0,
			lines.findIndex((line) => line.includes("Running shop.OkTest")),
		),
	);
	expect(report).not.toHaveProperty("tests");
	expect(report.failures).toHaveLength(2);
	expect(report.notes).toEqual(["the log ends before the summary: the counts are unknown"]);
});

test("a goal of maven that fails before any test says why", () => {
	const [error] = reportOf("maven", "maven-dependency").diagnostics;
	expect(error?.message).toMatch(
		/^Could not resolve dependencies for project example:shop:jar:1: .* has not been downloaded from it before\.$/,
	);
});

test("a failure of before Surefire 3 has the class in brackets (text of its time)", () => {
	const lines = [
		"[ERROR] Tests run: 1, Failures: 1, Errors: 0, Skipped: 0, Time elapsed: 0.1 s <<< FAILURE! - in shop.PriceTest",
		"[ERROR] parses(shop.PriceTest)  Time elapsed: 0.01 s  <<< FAILURE!",
		"java.lang.AssertionError: no",
		"	at shop.PriceTest.parses(PriceTest.java:7)",
		"",
	];
	expect(reportOfLines("maven", lines).failures).toEqual([
		{ test: "shop.PriceTest.parses", file: "PriceTest.java", line: 7, message: "java.lang.AssertionError: no" },
	]);
});

test("maven that was told to skip the tests says so (text of its documentation)", () => {
	const report = reportOfLines("maven", ["[INFO] Tests are skipped.", "[INFO] BUILD SUCCESS"]);
	expect(report.tests).toEqual({ passed: 0, failed: 0, ignored: 0 });
	expect(report.notes).toEqual(['no test ran: maven says "Tests are skipped."']);
});

test("a log of gradle that ends before the build did says so", () => {
	const lines = linesOf("gradle-failures");
	expect(reportOfLines("gradle", lines.slice(0, -3)).notes).toEqual([
		"the log ends before the tool did: the counts are what was seen until then",
	]);
});
