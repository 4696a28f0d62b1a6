import { expect, test } from "vitest";
import { reportOf } from "./recording.fixture.ts";

test("node's own runner: the failed test, its frame in the test file, and the counts", () => {
	expect(reportOf("node-test", "node-test")).toEqual({
		tests: { passed: 1, failed: 1, ignored: 0 },
		failures: [{ test: "adds", file: "test/node.test.mjs", line: 2, col: 27, message: "AssertionError [ERR_ASSERTION]: 1 == 2" }],
		diagnostics: [],
		leftOut: { failures: 0, diagnostics: {} },
		notes: [],
	});
});
