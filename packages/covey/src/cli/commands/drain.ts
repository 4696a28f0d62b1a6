import { type Command, defineCommand, jsonOption } from "#cli/command.ts";
import { exitCodes } from "#cli/exit-code.ts";
import { withFleet } from "#cli/fleet.ts";
import { withMeant } from "#cli/meant.ts";
import { printJson, say } from "#cli/terminal.ts";

const setDraining = (draining: boolean): Command =>
	defineCommand<{ readonly json?: boolean }>({
		arguments: [["<worker>", "its name"]],
		options: [jsonOption],
		run: ({ arguments: [worker = ""], options }) =>
			withFleet(async (fleet) => {
				const view = await fleet.call("worker.drain", { worker, draining }).catch(async (error) => {
					throw await withMeant(fleet, error, { machine: worker });
				});
				if (options.json) printJson({ worker: view });
				else if (!draining) say(`${worker} takes work again`);
				else say(`${worker} takes no new work; ${view.attempts.length} running on it go on`);
				return exitCodes.ok;
			}),
	});

export const drain = setDraining(true);
export const undrain = setDraining(false);
