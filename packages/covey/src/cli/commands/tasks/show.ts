import type { TaskView } from "@covey/protocol/task";
import { defineCommand, jsonOption } from "#cli/command.ts";
import { exitCodes } from "#cli/exit-code.ts";
import { findTask } from "#cli/find-task.ts";
import { withFleet } from "#cli/fleet.ts";
import { taskState } from "#cli/list-view.ts";
import { ago, plain } from "#cli/table.ts";
import { dataStyle, print, printJson } from "#cli/terminal.ts";
import { formatDuration } from "#kit/duration.ts";

export const show = defineCommand<{ readonly json?: boolean }>({
	arguments: [["<task>", "its id, or a prefix that only one task has"]],
	options: [jsonOption],
	run: ({ arguments: [text = ""], options }) =>
		withFleet(async (fleet) => {
			const task = await findTask(fleet, text);
			if (options.json) printJson({ task });
			else print(describe(task, Date.now()));
			return exitCodes.ok;
		}),
});

function describe(task: TaskView, now: number): string {
	const facts: readonly (readonly [string, string | undefined])[] = [
		["task", task.id],
		["title", plain(task.title, 300)],
		["state", taskState(task, dataStyle)],
		["message", task.message && plain(task.message, 1000)],
		[
			"submitted",
			`${ago(task.createdAt, now)} by ${plain(task.submitter)} in ${task.namespace}${task.asks.length > 1 ? `, with ${task.asks.length - 1} more asks` : ""}`,
		],
		["placement", task.placement && plain(task.placement.sentence, 400)],
	];
	const lines = facts.filter(([, value]) => value !== undefined).map(([key, value]) => `${dataStyle.dim(key.padEnd(10))} ${value}`);
	return [
		...lines,
		...task.attempts.map((attempt) => `${dataStyle.dim(`attempt ${attempt.number}`.padEnd(10))} ${attemptText(attempt)}`),
	].join("\n");
}

function attemptText(attempt: TaskView["attempts"][number]): string {
	const { worker, claimedAt, startedAt, endedAt, report } = attempt;
	const took = endedAt === undefined ? undefined : formatDuration(endedAt - (startedAt ?? claimedAt));
	const phases = Object.entries(report?.timings ?? {}).map(([phase, ms]) => `${plain(phase)} ${formatDuration(ms)}`);
	const parts = [
		`on ${worker}`,
		report?.outcome,
		report?.message && plain(report.message, 300),
		took,
		report?.tree && `tree ${report.tree.slice(0, 12)}`,
		report?.isolation !== undefined && report.isolation < 2 ? "UNCONFINED" : undefined,
		phases.length > 0 ? `(${phases.join(", ")})` : undefined,
	];
	return parts.filter((part) => part !== undefined && part !== "").join(" · ");
}
