import { defineCommand, jsonOption } from "#cli/command.ts";
import { exitCodes } from "#cli/exit-code.ts";
import { plain } from "#cli/table.ts";
import { dataStyle, print, printJson } from "#cli/terminal.ts";
import type { Origin } from "#compose/config.ts";

export const show = defineCommand<{ readonly origin?: boolean; readonly json?: boolean }>({
	options: [{ flags: "--origin", about: "where each value comes from: file and line, variable or default" }, jsonOption],
	notes: "What is printed could stand in a configuration file. With --json times are milliseconds and sizes bytes.",
	run: async ({ options }) => {
		const { loadConfig } = await import("#compose/config.ts");
		const { unitOf, writtenValue } = await import("#compose/written.ts");
		const { origins } = await loadConfig();
		if (options.json) {
			const settings = origins.map(({ origin, ...one }) => ({ ...one, unit: unitOf(one.key), ...(options.origin && { origin }) }));
			printJson({ settings });
			return exitCodes.ok;
		}
		const width = Math.max(...origins.map(({ key }) => key.length));
		const line = ({ key, value, origin }: Origin): string => {
			const written = plain(writtenValue(key, value), 1000);
			if (!options.origin) return `${key} = ${written}`;
			return `${key.padEnd(width)} = ${written.padEnd(valueWidth)}  ${dataStyle.dim(`# ${plain(origin, 1000)}`)}`;
		};
		print(origins.map(line).join("\n"));
		return exitCodes.ok;
	},
});

/** Most values are shorter; a longer one moves only what stands behind it. */
const valueWidth = 12;
