import { defineCommand, jsonOption } from "#cli/command.ts";
import { exitCodeOfRecord, exitCodes } from "#cli/exit-code.ts";
import { findTask } from "#cli/find-task.ts";
import { withFleet } from "#cli/fleet.ts";
import { endLine, warningLines } from "#cli/run/lines.ts";
import { ReaderGone } from "#cli/run/output-writer.ts";
import { watchTask } from "#cli/run/watch.ts";
import { say, talkStyle } from "#cli/terminal.ts";

export const attach = defineCommand<{ readonly json?: boolean }>({
	arguments: [["<task>", "its id, or a prefix that only one task has"]],
	options: [{ ...jsonOption, about: "print the final record as the last line on stderr" }],
	notes: "Ends with the run's own exit code. Ctrl-C leaves; the run goes on.",
	run: ({ arguments: [text = ""], options }) =>
		withFleet(
			async (fleet) => {
				const { id } = await findTask(fleet, text);
				try {
					const record = await watchTask(fleet, id, { announce: true });
					for (const line of warningLines(record, talkStyle)) say(line);
					say(endLine(record, talkStyle));
					if (options.json) say(JSON.stringify(record));
					return exitCodeOfRecord(record);
				} catch (error) {
					if (error instanceof ReaderGone) return exitCodes.pipe;
					throw error;
				}
			},
			{ reconnect: true },
		),
});
