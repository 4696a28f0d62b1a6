import { defineCommand, jsonOption } from "#cli/command.ts";
import { exitCodes } from "#cli/exit-code.ts";
import { renderTable } from "#cli/table.ts";
import { dataStyle, print, printJson } from "#cli/terminal.ts";

export const show = defineCommand<{ readonly origin?: boolean; readonly json?: boolean }>({
	options: [{ flags: "--origin", about: "where each value comes from" }, jsonOption],
	run: async ({ options }) => {
		const { loadConfig } = await import("#compose/config.ts");
		const { origins } = await loadConfig();
		if (options.json) printJson({ settings: options.origin ? origins : origins.map(({ key, value }) => ({ key, value })) });
		else if (options.origin)
			print(
				renderTable(
					["KEY", "VALUE", "ORIGIN"],
					origins.map((one) => [one.key, text(one.value), one.origin]),
					dataStyle.bold,
				),
			);
		else print(origins.map((one) => `${one.key} = ${text(one.value)}`).join("\n"));
		return exitCodes.ok;
	},
});

const text = (value: unknown): string => JSON.stringify(value) ?? "-";
