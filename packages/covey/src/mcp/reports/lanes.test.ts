import { expect, test } from "vitest";
import { reportOf, reportOfLines } from "./recording.fixture.ts";

const message = "AssertionError: expected 'a' to be 'b' // Object.is equality\n\nExpected: \"b\"\nReceived: \"a\"";

test("turbo: tasks that write at once are told apart, though stdout falls into the middle of stderr", () => {
	const report = reportOf("auto", "lanes-turbo", { root: "/srv/dev/shop" });
	expect(report.tests).toEqual({ passed: 2, failed: 1, ignored: 0 });
	expect(report.failures).toEqual([{ test: "@shop/web:test: renders", file: "packages/web/test/web.test.ts", line: 2, col: 35, message }]);
	expect(report.notes).toEqual([]);
});

test("pnpm -r tells the directory of a task, so paths are told from the root of the workspace", () => {
	const report = reportOf("auto", "lanes-pnpm-r");
	expect(report.tests).toEqual({ passed: 2, failed: 1, ignored: 0 });
	expect(report.failures).toEqual([
		{ test: "packages/web test: renders", file: "packages/web/test/web.test.ts", line: 2, col: 35, message },
	]);
});

test("nx writes one task after the other", () => {
	const report = reportOf("auto", "lanes-nx");
	expect(report.tests).toEqual({ passed: 1, failed: 1, ignored: 0 });
	expect(report.failures).toEqual([{ test: "renders", file: "test/web.test.ts", line: 2, col: 35, message }]);
});

test("a log that turbo replays from its cache is no run, and that is said (text of its documentation)", () => {
	const lines = [
		"web:test: cache hit, replaying logs 67123e38d0b07d57",
		"web:test:  RUN  v5.1.1 /srv/dev/shop/web",
		"web:test:       Tests  1 passed (1)",
	];
	expect(reportOfLines("auto", lines).notes).toEqual(["web:test did not run: its log is that of an earlier run, from the cache of turbo"]);
});

test("what looks like a task but was not announced is a line like any other", () => {
	expect(reportOfLines("auto", ["src/a.c:3: error: no"]).diagnostics).toEqual([
		{ level: "error", file: "src/a.c", line: 3, message: "no" },
	]);
});

test("that no test ran is said of the task", () => {
	const lines = ["web:test: cache miss, executing 1", "web:test:  RUN  v5.1.1 /srv/dev/shop/web", "web:test:       Tests  2 skipped (2)"];
	expect(reportOfLines("auto", lines).notes).toEqual(["web:test: no test ran: all 2 are ignored or skipped"]);
});

test("a workspace whose tasks nobody recognises tells what looks like an error in each", () => {
	const lines = [
		"packages/web build$ ./build.sh",
		"packages/web build: src/a.c:3:1: error: no",
		"packages/web build: /opt/include/b.h:4:1: error: no",
		"sh: 1: true: not found",
	];
	expect(reportOfLines("auto", lines).diagnostics).toEqual([
		{ level: "error", file: "packages/web/src/a.c", line: 3, col: 1, message: "no" },
		{ level: "error", file: "/opt/include/b.h", line: 4, col: 1, message: "no" },
		{ level: "error", message: "sh: 1: true: not found" },
	]);
});
