import type { FinalRecord } from "@covey/client";
import { outcomes } from "@covey/protocol/outcome-table";
import { plain } from "#cli/table.ts";
import type { Style } from "#cli/terminal.ts";
import { formatDuration } from "#kit/duration.ts";

/** What it is called, where it runs and why: the placement's own sentence. */
export function placementLine(task: string, placement: { readonly sentence: string; readonly attempt: number }, style: Style): string {
	const again = placement.attempt > 1 ? ` (attempt ${placement.attempt})` : "";
	return `${style.dim("covey:")} ${task} runs on ${plain(placement.sentence, 300)}${again}`;
}

/** How it ended: outcome, machine, tree and time. */
export function endLine(record: FinalRecord, style: Style): string {
	const parts = [
		judge(record, style),
		record.machine === null ? undefined : `on ${record.machine}`,
		record.tree === null ? undefined : `tree ${record.tree.slice(0, 12)}`,
		formatDuration(record.timings.total ?? 0),
	];
	return `${style.dim("covey:")} ${parts.filter((part) => part !== undefined).join(style.dim(" · "))}`;
}

/** Things that a person must not overlook: lost output, artifacts that were not there. */
export function warningLines(record: FinalRecord, style: Style): readonly string[] {
	const warn = (text: string) => `${style.yellow("covey:")} ${text}`;
	return [
		...(record.output.droppedBytes > 0 ? [warn(`${record.output.droppedBytes} bytes of output were dropped over the limit`)] : []),
		...record.missing.map((path) => warn(`not there to pull: ${plain(path, 200)}`)),
	];
}

function judge(record: FinalRecord, style: Style): string {
	const { outcome } = record;
	if (outcome === null) return style.red(record.status);
	if (outcome === "passed") return style.green("passed");
	if (outcome === "failed") {
		const how = record.exitCode === null ? plain(record.signal ?? "") : `exit ${record.exitCode}`;
		// A command that was not there, or processes that could not be ended; of a signal the name says it all.
		const why = record.signal === null && record.message !== null ? `: ${plain(record.message, 300)}` : "";
		return style.red(`failed${how && ` (${how})`}${why}`);
	}
	return style.red(`${outcome}: ${plain(record.message ?? outcomes[outcome].sentence, 300)}`);
}
