import { defineCommand, jsonOption } from "#cli/command.ts";
import { exitCodes } from "#cli/exit-code.ts";
import { renderTable } from "#cli/table.ts";
import { dataStyle, print, printJson } from "#cli/terminal.ts";
import { paths as pathsOf } from "#compose/paths.ts";

export const paths = defineCommand<{ readonly json?: boolean }>({
	options: [jsonOption],
	run: async ({ options }) => {
		const all = pathsOf();
		if (options.json) printJson({ paths: all });
		else print(renderTable(["WHAT", "WHERE"], Object.entries(all), dataStyle.bold));
		return exitCodes.ok;
	},
});
