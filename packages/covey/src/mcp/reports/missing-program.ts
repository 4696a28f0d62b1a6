import { type Report, reportLimits } from "./report.ts";

/** "sh: 1: vitest: not found": a shell, env or make names itself and the program that is not there. */
export const missing =
	/^(?<message>(?:\S*sh|env|bun|\S*make(?:\[\d+\])?|\/\S+): .*(?:not found|No such file or directory|Unknown command).*)$/;

/** "vitest: not found", "command not found: vitest": nobody names himself, and other tools say such words, too. */
export const missingAlone = /^(?<message>[\w@.+/-]+: (?:command )?not found|command not found: \S+)$/;

/**
 * Looks for the program that a script could not start, whatever tool the script was expected to run: that tool's parser
 * finds nothing in such a log.
 */
export class MissingProgram {
	#message: string | undefined;

	line(text: string): void {
		if (this.#message !== undefined || text.length > reportLimits.textCharsMax || !suspect.test(text)) return;
		if (missing.test(text) || missingAlone.test(text)) this.#message = text;
	}

	/** The report with that error, if it knows of no other: tests print such lines themselves. */
	explain(report: Report): Report {
		const message = this.#message;
		const knows = report.tests !== undefined || report.failures.length > 0 || report.diagnostics.length > 0 || (report.errors ?? 0) > 0;
		if (message === undefined || knows) return report;
		return { ...report, diagnostics: [{ level: "error", message }], errors: 1 };
	}
}

/** A cheap test that most lines do not pass. */
const suspect = /not found|No such file|Unknown command/;
