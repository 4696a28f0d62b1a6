import { plural } from "./amounts.ts";
import type { TestCounts } from "./report.ts";

/** What a log tells of a run in which no test ran. */
export interface Idle {
	readonly filter?: string | undefined;
	/** Tests (or what `noun` says) that the filter passed over. */
	readonly passedOver?: number | undefined;
	readonly ignored?: number | undefined;
	readonly noun?: "test" | "test file" | "package";
}

/** Zero tests is never green: the sentence that says so, with the reason where the log tells it. */
export function nothingRan({ filter, passedOver = 0, ignored = 0, noun = "test" }: Idle): string {
	const name = filter === undefined ? "the filter" : `the filter "${filter.slice(0, 200)}"`;
	if (passedOver > 0) return `no test ran: ${name} matched nothing in ${plural(passedOver, noun)}`;
	if (filter !== undefined && ignored === 0) return `no test ran: ${name} matched nothing`;
	if (ignored > 0) return `no test ran: ${ignored === 1 ? "the only one is" : `all ${ignored} are`} ignored or skipped`;
	return "no test ran: none was found";
}

/** For a log of a known tool without its closing counts: the tool was killed, or the log was cut. */
export function endsEarly(tests?: TestCounts): string {
	return tests ? endsInTheMiddle : "the log ends before the summary: the counts are unknown";
}

/** The same of a tool whose tests could be counted so far. */
export const endsInTheMiddle = "the log ends before the tool did: the counts are what was seen until then";
