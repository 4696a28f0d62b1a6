import type { OperationOutput } from "@covey/protocol/operations";
import { outcomes } from "@covey/protocol/outcome-table";
import type { TaskView } from "@covey/protocol/task";
import { defineCommand, jsonOption } from "#cli/command.ts";
import { exitCodes } from "#cli/exit-code.ts";
import { findTask } from "#cli/find-task.ts";
import { withFleet } from "#cli/fleet.ts";
import { plain, renderTable } from "#cli/table.ts";
import { dataStyle, print, printJson } from "#cli/terminal.ts";

export const why = defineCommand<{ readonly json?: boolean }>({
	arguments: [["<task>", "its id, or a prefix that only one task has"]],
	options: [jsonOption],
	run: ({ arguments: [text = ""], options }) =>
		withFleet(async (fleet) => {
			const task = await findTask(fleet, text);
			const explanation = await fleet.call("task.explain", { task: task.id });
			if (options.json) {
				printJson(explanation);
				return exitCodes.ok;
			}
			print(`${task.id} ${plain(stateSentence(task, explanation), 400)}`);
			for (const placement of explanation.placements) print(`attempt ${placement.attempt} went to ${plain(placement.sentence, 400)}`);
			if (explanation.candidates.length === 0) return exitCodes.ok;
			const rows = explanation.candidates.map((one) => [one.worker, one.bid?.toFixed(2) ?? "-", plain(one.excluded ?? "eligible", 200)]);
			print(`\n${renderTable(["WORKER", "BID", "BECAUSE"], rows, dataStyle.bold)}`);
			return exitCodes.ok;
		}),
});

/** What it waits for, or how it ended. Where an attempt went, and why there, is told of each attempt. */
function stateSentence(task: TaskView, { status, sentence }: OperationOutput<"task.explain">): string {
	if (status === "pending") return `is pending: ${sentence}`;
	if (task.outcome === undefined) return `is ${status}`;
	const how = task.message ?? outcomes[task.outcome].sentence;
	return status === "needs_human" ? `waits for a person: ${how}` : `ended as ${task.outcome}: ${how}`;
}
