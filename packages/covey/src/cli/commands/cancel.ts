import { defineCommand, jsonOption } from "#cli/command.ts";
import { exitCodes } from "#cli/exit-code.ts";
import { findTask } from "#cli/find-task.ts";
import { withFleet } from "#cli/fleet.ts";
import { printJson, say } from "#cli/terminal.ts";

export const cancel = defineCommand<{ readonly force?: boolean; readonly json?: boolean }>({
	arguments: [["<task>", "its id, or a prefix that only one task has"]],
	options: [{ flags: "--force", about: "kill it without grace" }, jsonOption],
	run: ({ arguments: [text = ""], options }) =>
		withFleet(async (fleet) => {
			const { id } = await findTask(fleet, text);
			const task = await fleet.call("task.cancel", { task: id, force: options.force ?? false });
			if (options.json) printJson({ task });
			else
				say(task.status === "cancelled" ? `${id} is cancelled` : `${id} is being ended on ${task.attempts.at(-1)?.worker ?? "its worker"}`);
			return exitCodes.ok;
		}),
});
