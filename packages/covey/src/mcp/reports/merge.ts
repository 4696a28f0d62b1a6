import { type Report, reportLimits } from "./report.ts";
import { addCounts } from "./test-counts.ts";

/** Reports of several tools that wrote into one log, as one. */
export function mergeReports(reports: readonly Report[]): Report {
	const failures = reports.flatMap((report) => report.failures);
	const diagnostics = reports.flatMap((report) => report.diagnostics);
	const tests = reports.flatMap((report) => report.tests ?? []);
	const errors = reports.flatMap((report) => report.errors ?? []);
	const warnings = reports.flatMap((report) => report.warnings ?? []);
	return {
		...(tests.length > 0 && { tests: tests.reduce(addCounts) }),
		failures: failures.slice(0, reportLimits.failuresMax),
		diagnostics: diagnostics.slice(0, reportLimits.diagnosticsMax),
		...(errors.length > 0 && { errors: errors.reduce(add) }),
		...(warnings.length > 0 && { warnings: warnings.reduce(add) }),
		leftOut: {
			failures: reports.map((report) => report.leftOut.failures).reduce(add, 0) + Math.max(0, failures.length - reportLimits.failuresMax),
			diagnostics: leftOutDiagnostics(reports),
		},
		notes: [...new Set(reports.flatMap((report) => report.notes))],
	};
}

const add = (a: number, b: number): number => a + b;

function leftOutDiagnostics(reports: readonly Report[]): Readonly<Record<string, number>> {
	const leftOut = new Map<string, number>();
	const count = (group: string, amount: number): unknown => leftOut.set(group, (leftOut.get(group) ?? 0) + amount);
	for (const report of reports) for (const [group, amount] of Object.entries(report.leftOut.diagnostics)) count(group, amount);
	for (const { code, level } of reports.flatMap((report) => report.diagnostics).slice(reportLimits.diagnosticsMax)) count(code ?? level, 1);
	return Object.fromEntries(leftOut);
}
