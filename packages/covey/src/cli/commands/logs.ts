import { CoveyError } from "@covey/protocol/errors";
import { integer } from "#cli/arguments.ts";
import { defineCommand } from "#cli/command.ts";
import { exitCodes } from "#cli/exit-code.ts";
import { findTask } from "#cli/find-task.ts";
import { withFleet } from "#cli/fleet.ts";
import { printOutput } from "#cli/run/print-output.ts";

interface Options {
	readonly follow?: boolean;
	readonly sinceOffset?: number;
	readonly attempt?: number;
}

export const logs = defineCommand<Options>({
	arguments: [["<task>", "its id, or a prefix that only one task has"]],
	options: [
		{ flags: "-f, --follow", about: "go on until the task has ended" },
		{ flags: "--since-offset <bytes>", about: "begin at this byte of the attempt's output", parse: integer },
		{ flags: "--attempt <number>", about: "of this attempt (default: the current one)", parse: integer },
	],
	run: ({ arguments: [text = ""], options }) =>
		withFleet(
			async (fleet) => {
				const { follow = false, sinceOffset = 0, attempt } = options;
				if (sinceOffset < 0) throw new CoveyError("bad_request", `--since-offset ${sinceOffset} lies before the first byte`);
				const { id } = await findTask(fleet, text);
				await printOutput(fleet, id, { follow, offset: sinceOffset, ...(attempt !== undefined && { attempt }) });
				return exitCodes.ok;
			},
			{ reconnect: options.follow ?? false },
		),
});
