import { defineCommand } from "#cli/command.ts";
import { exitCodes } from "#cli/exit-code.ts";

/** Not for people: what the watchdog of a killed worker becomes. */
export const sweep = defineCommand({
	arguments: [
		["<state>", "the worker's state directory"],
		["<pid>", "of the worker that was killed"],
	],
	run: async ({ arguments: [stateDirectory = "", pid] }) => {
		const { sweepAfter } = await import("#compose/watchdog.ts");
		await sweepAfter(stateDirectory, Number(pid));
		return exitCodes.ok;
	},
});
