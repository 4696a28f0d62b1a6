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
			const { id } = await findTask(fleet, text);
			const explanation = await fleet.call("task.explain", { task: id });
			if (options.json) {
				printJson(explanation);
				return exitCodes.ok;
			}
			print(`${id} is ${explanation.status}: ${plain(explanation.sentence, 400)}`);
			if (explanation.ahead !== undefined && explanation.ahead > 0) print(`${explanation.ahead} tasks are ahead of it`);
			for (const placement of explanation.placements) print(`attempt ${placement.attempt}: ${plain(placement.sentence, 400)}`);
			if (explanation.candidates.length === 0) return exitCodes.ok;
			const rows = explanation.candidates.map((one) => [one.worker, one.bid?.toFixed(2) ?? "-", plain(one.excluded ?? "eligible", 200)]);
			print(`\n${renderTable(["WORKER", "BID", "BECAUSE"], rows, dataStyle.bold)}`);
			return exitCodes.ok;
		}),
});
