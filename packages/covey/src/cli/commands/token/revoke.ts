import { defineCommand, jsonOption } from "#cli/command.ts";
import { exitCodes } from "#cli/exit-code.ts";
import { withFleet } from "#cli/fleet.ts";
import { printJson, say } from "#cli/terminal.ts";

export const revoke = defineCommand<{ readonly json?: boolean }>({
	arguments: [["<id>", "as covey token list shows it"]],
	options: [jsonOption],
	run: ({ arguments: [id = ""], options }) =>
		withFleet(async (fleet) => {
			const token = await fleet.call("token.revoke", { id });
			if (options.json) printJson({ token });
			else say(`token ${id} is revoked`);
			return exitCodes.ok;
		}),
});
