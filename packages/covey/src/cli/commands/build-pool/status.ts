import { defineCommand, jsonOption } from "#cli/command.ts";
import { exitCodes } from "#cli/exit-code.ts";
import { withFleet } from "#cli/fleet.ts";
import { dataStyle, print, printJson } from "#cli/terminal.ts";
import { describePool } from "./describe.ts";
import { readPool } from "./pool.ts";

export const status = defineCommand<{ readonly json?: boolean }>({
	options: [jsonOption],
	run: ({ options }) =>
		withFleet(async (fleet) => {
			const pool = await readPool(fleet);
			if (options.json) printJson(pool);
			else print(describePool(pool, Date.now(), dataStyle));
			return exitCodes.ok;
		}),
});
