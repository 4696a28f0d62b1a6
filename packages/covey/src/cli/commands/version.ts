import { apiVersions, linkVersions } from "@covey/protocol/versions";
import { defineCommand, jsonOption } from "#cli/command.ts";
import { exitCodes } from "#cli/exit-code.ts";
import { print, printJson } from "#cli/terminal.ts";
import { version } from "#kit/version.ts";

/** Named at length because `version` is the number itself. `covey version` alone is answered in `main.ts`. */
export const versionCommand = defineCommand<{ readonly json?: boolean }>({
	options: [jsonOption],
	run: async ({ options }) => {
		if (options.json) printJson({ version, node: process.version, link: linkVersions, api: apiVersions });
		else print(`covey ${version}`);
		return exitCodes.ok;
	},
});
