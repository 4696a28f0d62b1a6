import { finalRecord } from "@covey/client";
import type { SnapshotReference, TaskView } from "@covey/protocol";
import type { Report } from "#mcp/reports/report.ts";

export interface Facts {
	readonly outcome: string;
	readonly exitCode: number | null;
	/** That ended the command. */
	readonly signal: string | null;
	/** The fleet's own words for how it ended; those of a tool may stand in them. */
	readonly message: string | null;
	/** Of `timed_out`: how long it may have taken. */
	readonly limitSeconds?: number;
	readonly seconds: number;
	readonly setUpSeconds?: number;
	readonly machine: string | null;
	/** That the worker proved before the start, else that it was sent. */
	readonly tree: string | null;
	/** It ran, but on a worker that proves no tree (link v1). */
	readonly treeUnproved: boolean;
	readonly why: string | null;
}

/** What the fleet knows of an ended task; the log has no say in it. */
export function factsOf(task: TaskView): Facts {
	const record = finalRecord(task);
	const { snapshot } = task.submission.payload as { readonly snapshot?: SnapshotReference };
	const setUp = record.timings.environment ?? 0;
	const { timeoutMs } = task.submission.policies ?? {};
	return {
		outcome: record.outcome ?? task.status,
		exitCode: record.exitCode,
		signal: record.signal,
		message: record.message,
		...(record.outcome === "timed_out" && timeoutMs !== undefined && { limitSeconds: seconds(timeoutMs) }),
		seconds: seconds(record.timings.command ?? 0),
		...(setUp >= 500 && { setUpSeconds: seconds(setUp) }),
		machine: record.machine,
		tree: record.tree ?? snapshot?.tree ?? null,
		treeUnproved: record.tree === null && snapshot !== undefined && record.exitCode !== null,
		why: record.placement?.sentence ?? null,
	};
}

const seconds = (ms: number): number => Math.round(ms / 10) / 100;

/** How the command itself ended. */
export function endOfCommand({ outcome, exitCode, signal, limitSeconds }: Facts): string[] {
	if (limitSeconds !== undefined) return [`its limit was ${limitSeconds} s`];
	if (exitCode !== null) return [`exit ${exitCode}`];
	return signal !== null && outcome === "failed" ? [`killed by ${signal}`] : [];
}

/** Counts as a person says them; what is not known is not said. */
export function countsOf(report: Report): string[] {
	const { tests, errors, warnings } = report;
	return [
		...(tests ? [`${tests.failed} failed`, `${tests.passed} passed`, ...(tests.ignored ? [`${tests.ignored} ignored`] : [])] : []),
		...(errors ? [count(errors, "error")] : []),
		...(warnings ? [count(warnings, "warning")] : []),
	];
}

/** No test was executed, though the log tells counts. */
export function ranNothing(verb: string, report: Report): boolean {
	return verb === "test" && report.tests !== undefined && report.tests.passed + report.tests.failed === 0;
}

/** Where what was read and what happened disagree. The exit code stands; the disagreement is said aloud. */
export function doubts(verb: string, facts: Facts, report: Report): string[] {
	const { outcome, exitCode, message } = facts;
	const recognised = report.failures.length > 0 || (report.errors ?? 0) > 0 || (report.tests?.failed ?? 0) > 0;
	const found: string[] = [];
	if (outcome === "passed" && (report.tests?.failed ?? 0) > 0)
		found.push(`The command exited with 0, yet its log counts ${count(report.tests!.failed, "failed test")}.`);
	if (outcome === "failed" && !recognised && message === null && verb !== "run_command")
		found.push(
			`It failed with exit code ${exitCode ?? "unknown"}, but nothing in the log was recognised as the reason: read the end of it.`,
		);
	if (outcome === "passed" && verb === "test" && report.tests === undefined)
		found.push("How many tests ran is unknown: the log has no summary that was recognised.");
	if (facts.treeUnproved) found.push(`${facts.machine} does not prove which tree it ran: the one named is the one that it was sent.`);
	return found;
}

export const count = (amount: number, noun: string): string => `${amount} ${noun}${amount === 1 ? "" : "s"}`;
