import { defineCommand, jsonOption } from "#cli/command.ts";
import { exitCodes } from "#cli/exit-code.ts";
import { plain, renderTable } from "#cli/table.ts";
import { dataStyle, print, printJson } from "#cli/terminal.ts";

export const show = defineCommand<{ readonly origin?: boolean; readonly json?: boolean }>({
	options: [{ flags: "--origin", about: "where each value comes from: file and line, variable or default" }, jsonOption],
	notes: "Without an option it prints what a configuration file could hold. With --json times are milliseconds and sizes bytes.",
	run: async ({ options }) => {
		const { loadConfig } = await import("#compose/config.ts");
		const { unitOf, writtenValue } = await import("#compose/written.ts");
		const { origins } = await loadConfig();
		if (options.json) {
			const settings = origins.map(({ origin, ...one }) => ({ ...one, unit: unitOf(one.key), ...(options.origin && { origin }) }));
			printJson({ settings });
			return exitCodes.ok;
		}
		const rows = origins.map(({ key, value, origin }) => [key, plain(writtenValue(key, value), 1000), origin] as const);
		if (options.origin) print(renderTable(["KEY", "VALUE", "ORIGIN"], rows, dataStyle.bold));
		else print(rows.map(([key, value]) => `${key} = ${value}`).join("\n"));
		return exitCodes.ok;
	},
});
