import { defineCommand } from "#cli/command.ts";
import { exitCodes } from "#cli/exit-code.ts";
import { withFleet } from "#cli/fleet.ts";
import { print } from "#cli/terminal.ts";

/** A person who pressed Tab waits no longer than this. */
const answerMs = 500;

/** What completion scripts call: one name a line, or nothing; never an error. */
export const complete = defineCommand({
	arguments: [["<what>", "tasks or workers"]],
	run: async ({ arguments: [what] }) => {
		const signal = AbortSignal.timeout(answerMs);
		const names = await withFleet(
			async (fleet) =>
				what === "workers"
					? (await fleet.call("worker.list", {})).workers.map((worker) => worker.name)
					: (await fleet.call("task.list", { limit: 50 })).tasks.map((task) => task.id),
			{ signal },
		).catch(() => []);
		if (names.length > 0) print(names.join("\n"));
		return exitCodes.ok;
	},
});
