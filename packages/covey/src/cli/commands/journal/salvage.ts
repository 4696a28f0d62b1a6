import { defineCommand } from "#cli/command.ts";
import { confirm, yesOption } from "#cli/confirm.ts";
import { exitCodes } from "#cli/exit-code.ts";
import { printJson, say, talkStyle } from "#cli/terminal.ts";

export const salvage = defineCommand<{ readonly yes?: boolean; readonly json?: boolean }>({
	options: [yesOption, { flags: "--json", about: "one JSON document on stdout" }],
	notes: "Only with the coordinator stopped. The damaged file is kept beside the new one.",
	run: async ({ options }) => {
		await confirm("Write a new journal from what can be read of the damaged one?", options.yes);
		const { salvageJournal } = await import("#compose/salvage.ts");
		const salvaged = await salvageJournal();
		if (options.json) printJson(salvaged);
		for (const sentence of options.json ? [] : salvaged.lost) say(`${talkStyle.yellow("covey:")} ${sentence}`);
		if (!options.json) say(`${salvaged.entries} entries were saved, up to ${salvaged.sequence}; the damaged file is ${salvaged.damaged}`);
		return exitCodes.ok;
	},
});
