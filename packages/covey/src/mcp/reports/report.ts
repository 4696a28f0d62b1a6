/** What a parser makes of a log. What it does not know is absent: unknown is never zero. */
export interface Report {
	/** Counts of tests, when the log tells them. */
	readonly tests?: TestCounts;
	/** In the order of the log, bounded by `reportLimits`; `leftOut` counts the rest. */
	readonly failures: readonly Failure[];
	readonly diagnostics: readonly Diagnostic[];
	/** Counts of diagnostics, when the log tells them; they include what was left out. */
	readonly errors?: number;
	readonly warnings?: number;
	readonly leftOut: { readonly failures: number; readonly diagnostics: Readonly<Record<string, number>> };
	/** Sentences that must be said aloud: no test matched, the summary is missing, nothing was compiled. */
	readonly notes: readonly string[];
}

export interface TestCounts {
	readonly passed: number;
	readonly failed: number;
	readonly ignored: number;
}

/** One test that failed. */
export interface Failure {
	readonly test: string;
	/** Relative to the worktree's root where the log says so. */
	readonly file?: string;
	readonly line?: number;
	readonly col?: number;
	/** The assertion with both sides, a few lines. */
	readonly message: string;
}

export interface Diagnostic {
	readonly level: "error" | "warning";
	/** E0425, clippy::needless_return, TS2304, no-unused-vars … */
	readonly code?: string;
	readonly file?: string;
	readonly line?: number;
	readonly col?: number;
	readonly message: string;
	readonly suggestion?: string;
}

/**
 * Reads one log, line by line, in bounded memory however long it is. A line comes without its end, already cleaned of
 * terminal sequences. Lines of stdout and stderr come in the order of arrival, each whole.
 */
export interface LogParser {
	line(text: string, stream: "stdout" | "stderr"): void;
	/** The exit code outranks what was read: a parser reports, it does not judge. */
	end(): Report;
	/** The text that a person reads for this line, when the tool writes for machines (cargo's JSON); undefined leaves the line out. */
	readable?(text: string): string | undefined;
}

/** What is known of a log before its first line. */
export interface ReportOptions {
	/** The filter that the tests were run with, to be named when it matched nothing. */
	readonly filter?: string;
	/** Where the command ran on its machine: absolute paths below it become relative. */
	readonly root?: string;
}

/** A parser that can also tell whether a log is of its tool. */
export interface ToolParser extends LogParser {
	/** A line was seen that no other tool writes. */
	readonly recognised: boolean;
	/** Takes a line of JSON, whole as it is; false when it is not of this tool. */
	json?(text: string): boolean;
}

export const reportLimits = {
	failuresMax: 50,
	diagnosticsMax: 100,
	messageCharsMax: 3000,
	/** Of one line; the rest of a longer one is not read. */
	lineCharsMax: 64 * 1024,
	/** Of a line that is not JSON: longer ones are data, and no pattern may take long over them. */
	textCharsMax: 2000,
} as const;
