import type { Diagnostic, Failure, Report } from "#mcp/reports/report.ts";

/** What failed in one run, as keys that survive moved lines. */
export interface Findings {
	readonly failures: readonly string[];
	readonly diagnostics: readonly string[];
}

/** A run against the one before it in the same worktree. */
export interface Novelty {
	isNew(found: Failure | Diagnostic): boolean;
	/** Names of tests that failed then and do not now. */
	readonly mended: readonly string[];
}

export function findingsOf(report: Report): Findings {
	return { failures: report.failures.map(keyOf), diagnostics: report.diagnostics.map(keyOf) };
}

/**
 * Undefined when there is nothing to compare with. `mended` is only told when the new run counted its tests: of a run
 * that did not come that far nothing is known to be mended.
 */
export function compareWith(last: Findings | undefined, report: Report): Novelty | undefined {
	if (last === undefined) return undefined;
	const known = new Set([...last.failures, ...last.diagnostics]);
	const now = new Set(report.failures.map(keyOf));
	return {
		isNew: (found) => !known.has(keyOf(found)),
		mended: report.tests === undefined || report.leftOut.failures > 0 ? [] : last.failures.filter((key) => !now.has(key)),
	};
}

/** What was remembered, if it is what we remember: the file may be anybody's. */
export function readFindings(value: unknown): Findings | undefined {
	const { failures, diagnostics } = (value ?? {}) as Partial<Record<string, unknown>>;
	return isTexts(failures) && isTexts(diagnostics) ? { failures, diagnostics } : undefined;
}

const isTexts = (value: unknown): value is string[] => Array.isArray(value) && value.every((one) => typeof one === "string");

/** Without line numbers, which an edit above moves, and no longer than what is shown of a finding at least. */
function keyOf(found: Failure | Diagnostic): string {
	if ("test" in found) return found.test.slice(0, 160);
	const { level, code = "", file = "", message } = found;
	return [level, code, file.slice(0, 160), message.split("\n", 1)[0]?.slice(0, 100)].join("|");
}
