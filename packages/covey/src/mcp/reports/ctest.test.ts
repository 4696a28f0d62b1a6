import { expect, test } from "vitest";
import { reportOf, reportOfLines } from "./recording.fixture.ts";

test("ctest: the failed test and the counts", () => {
	expect(reportOf("ctest", "ctest")).toEqual({
		tests: { passed: 1, failed: 1, ignored: 0 },
		failures: [{ test: "bad", message: "Failed" }],
		diagnostics: [],
		leftOut: { failures: 0, diagnostics: {} },
		notes: [],
	});
});

test("ctest without tests says so (text of its documentation)", () => {
	expect(reportOfLines("ctest", ["Test project /srv/dev/shop/build", "No tests were found!!!"]).notes).toEqual([
		"no test ran: none was found",
	]);
});
