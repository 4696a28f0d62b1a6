import type { TaskView } from "@covey/protocol/task";
import { defineCommand, jsonOption } from "#cli/command.ts";
import { exitCodes } from "#cli/exit-code.ts";
import { findTask } from "#cli/find-task.ts";
import { withFleet } from "#cli/fleet.ts";
import { plain } from "#cli/table.ts";
import { printJson, say } from "#cli/terminal.ts";

export const cancel = defineCommand<{ readonly force?: boolean; readonly json?: boolean }>({
	arguments: [["<task>", "its id, or a prefix that only one task has"]],
	options: [{ flags: "--force", about: "kill it without grace" }, jsonOption],
	run: ({ arguments: [text = ""], options }) =>
		withFleet(async (fleet) => {
			const found = await findTask(fleet, text);
			// What is asked for is that it be cancelled: whoever asks again gets what they asked for.
			const already = found.status === "cancelled";
			const task = already ? found : await fleet.call("task.cancel", { task: found.id, force: options.force ?? false });
			if (options.json) printJson({ task });
			else say(`${task.id} ${already ? `is cancelled already${task.message ? `: ${plain(task.message, 300)}` : ""}` : sentence(task)}`);
			return exitCodes.ok;
		}),
});

const sentence = ({ status, attempts }: TaskView): string =>
	status === "cancelled" ? "is cancelled" : `is being ended on ${attempts.at(-1)?.worker ?? "its worker"}`;
