import { defineCommand, jsonOption } from "#cli/command.ts";
import { confirm, yesOption } from "#cli/confirm.ts";
import { exitCodes } from "#cli/exit-code.ts";
import { withFleet } from "#cli/fleet.ts";
import { withMeant } from "#cli/meant.ts";
import { printJson, say } from "#cli/terminal.ts";

export const revoke = defineCommand<{ readonly yes?: boolean; readonly json?: boolean }>({
	arguments: [["<worker>", "its name"]],
	options: [yesOption, jsonOption],
	run: async ({ arguments: [worker = ""], options }) => {
		await confirm(`Revoke ${worker}? Its key is refused from now on, and what runs there goes elsewhere.`, options.yes);
		return withFleet(async (fleet) => {
			const view = await fleet.call("worker.revoke", { worker }).catch(async (error) => {
				throw await withMeant(fleet, error, { machine: worker });
			});
			if (options.json) printJson({ worker: view });
			else say(`${worker} is revoked`);
			return exitCodes.ok;
		});
	},
});
