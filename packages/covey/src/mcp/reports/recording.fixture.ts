import { readFileSync } from "node:fs";
import { cleanLine } from "./clean-line.ts";
import type { ParserName } from "./parser-names.ts";
import { createParser } from "./parsers.ts";
import type { Report, ReportOptions } from "./report.ts";

/** The lines of a recorded log, cleaned as the server cleans them. */
export function linesOf(recording: string): string[] {
	const text = readFileSync(new URL(`fixtures/${recording}.log`, import.meta.url), "utf8");
	return text.replace(/\n$/, "").split("\n").map(cleanLine);
}

/** What a parser makes of a recorded log. */
export function reportOf(parser: ParserName, recording: string, options?: ReportOptions): Report {
	return reportOfLines(parser, linesOf(recording), options);
}

export function reportOfLines(parser: ParserName, lines: readonly string[], options?: ReportOptions): Report {
	const reader = createParser(parser, options);
	for (const line of lines) reader.line(line, "stdout");
	return reader.end();
}
