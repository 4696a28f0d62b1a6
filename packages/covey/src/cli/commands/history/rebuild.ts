import { defineCommand, jsonOption } from "#cli/command.ts";
import { exitCodes } from "#cli/exit-code.ts";
import { withFleet } from "#cli/fleet.ts";
import { printJson, say } from "#cli/terminal.ts";
import { formatDuration } from "#kit/duration.ts";

export const rebuild = defineCommand<{ readonly json?: boolean }>({
	options: [jsonOption],
	run: ({ options }) =>
		withFleet(async (fleet) => {
			const rebuilt = await fleet.call("history.rebuild", {});
			if (options.json) printJson(rebuilt);
			else say(`the history was built anew: ${rebuilt.tasks} tasks in ${formatDuration(rebuilt.durationMs)}`);
			return exitCodes.ok;
		}),
});
