import { expect, test } from "vitest";
import { mergeReports } from "./merge.ts";
import { type Report, reportLimits } from "./report.ts";

const empty: Report = { failures: [], diagnostics: [], leftOut: { failures: 0, diagnostics: {} }, notes: [] };
const failures = (amount: number) => Array.from({ length: amount }, (_, nth) => ({ test: `test ${nth}`, message: "no" }));
const errors = (amount: number, code?: string) =>
	Array.from({ length: amount }, () => ({ level: "error" as const, ...(code !== undefined && { code }), message: "no" }));

test("what no report knows stays unknown", () => {
	expect(mergeReports([empty, empty])).toEqual(empty);
});

test("counts add up, and what one report does not know the other tells", () => {
	const merged = mergeReports([
		{ ...empty, tests: { passed: 1, failed: 2, ignored: 3 }, errors: 1, notes: ["a", "b"] },
		{ ...empty, tests: { passed: 10, failed: 20, ignored: 30 }, warnings: 4, notes: ["b"] },
	]);
	expect(merged).toEqual({ ...empty, tests: { passed: 11, failed: 22, ignored: 33 }, errors: 1, warnings: 4, notes: ["a", "b"] });
});

test("together they keep the limits of one, and what is left out adds up", () => {
	const half = { ...empty, failures: failures(30), diagnostics: errors(60, "E1"), leftOut: { failures: 1, diagnostics: { E1: 2 } } };
	const merged = mergeReports([half, { ...half, diagnostics: errors(60) }]);
	expect(merged.failures).toHaveLength(reportLimits.failuresMax);
	expect(merged.diagnostics).toHaveLength(reportLimits.diagnosticsMax);
	expect(merged.leftOut).toEqual({ failures: 12, diagnostics: { E1: 4, error: 20 } });
});
