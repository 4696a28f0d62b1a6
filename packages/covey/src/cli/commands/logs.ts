import { CoveyError } from "@covey/protocol/errors";
import { integer } from "#cli/arguments.ts";
import { defineCommand, jsonOption } from "#cli/command.ts";
import { exitCodes } from "#cli/exit-code.ts";
import { findTask } from "#cli/find-task.ts";
import { withFleet } from "#cli/fleet.ts";
import { logLine } from "#cli/log-line.ts";
import { printOutput } from "#cli/run/print-output.ts";

interface Options {
	readonly follow?: boolean;
	readonly sinceOffset?: number;
	readonly attempt?: number;
	readonly json?: boolean;
}

export const logs = defineCommand<Options>({
	arguments: [["<task>", "its id, or a prefix that only one task has"]],
	options: [
		{ flags: "-f, --follow", about: "go on until the task has ended" },
		{ flags: "--since-offset <bytes>", about: "begin at this byte of the attempt's output", parse: integer },
		{ flags: "--attempt <number>", about: "of this attempt (default: the current one)", parse: integer },
		{ ...jsonOption, about: "a line of JSON for each piece of output, with its offset; base64 where it is no UTF-8" },
	],
	run: ({ arguments: [text = ""], options }) =>
		withFleet(
			async (fleet) => {
				const { follow = false, sinceOffset = 0, json } = options;
				if (sinceOffset < 0) throw new CoveyError("bad_request", `--since-offset ${sinceOffset} lies before the first byte`);
				const { id, attempt: current } = await findTask(fleet, text);
				// Whoever follows goes on with the next attempt. Before the first one there is nothing to read.
				const attempt = options.attempt ?? (follow || current === 0 ? undefined : current);
				await printOutput(fleet, id, {
					follow,
					offset: sinceOffset,
					...(attempt !== undefined && { attempt }),
					...(json && { line: (item) => logLine(id, item) }),
				});
				return exitCodes.ok;
			},
			{ reconnect: options.follow ?? false },
		),
});
