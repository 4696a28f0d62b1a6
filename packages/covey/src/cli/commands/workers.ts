import { defineCommand, jsonOption } from "#cli/command.ts";
import { exitCodes } from "#cli/exit-code.ts";
import { withFleet } from "#cli/fleet.ts";
import { workerTable } from "#cli/list-view.ts";
import { dataStyle, print, printJson, say } from "#cli/terminal.ts";

export const workers = defineCommand<{ readonly json?: boolean }>({
	options: [jsonOption],
	run: ({ options }) =>
		withFleet(async (fleet) => {
			const listed = await fleet.call("worker.list", {});
			if (options.json) printJson(listed);
			else if (listed.workers.length === 0) say("no workers; covey token create join, then covey join on the other machine");
			else print(workerTable(listed.workers, Date.now(), dataStyle));
			return exitCodes.ok;
		}),
});
