import { resolve } from "node:path";
import { oneOf } from "#cli/arguments.ts";
import { defineCommand } from "#cli/command.ts";
import { confirm, yesOption } from "#cli/confirm.ts";
import { exitCodes } from "#cli/exit-code.ts";
import { print, say } from "#cli/terminal.ts";
import { clientNames, planInstallation } from "#compose/mcp/install.ts";

interface Flags {
	readonly remove?: boolean;
	readonly print?: boolean;
	readonly dryRun?: boolean;
	readonly yes?: boolean;
	readonly url?: string;
	readonly tokenFile?: string;
	readonly worktree?: string;
}

const names = clientNames;

export const install = defineCommand<Flags>({
	arguments: [["<client>", names.join(", "), names]],
	options: [
		{ flags: "--remove", about: "take our entry out again" },
		{ flags: "--print", about: "print the entry alone and change nothing" },
		{ flags: "--dry-run", about: "show the change and make none" },
		yesOption,
		{ flags: "--worktree <path>", about: "only this worktree (default: the one that the client has open)" },
		{ flags: "--url <url>", about: "the coordinator, when it is not this home's" },
		{ flags: "--token-file <file>", about: "the token for --url" },
	],
	notes: "Writes the client's own configuration: limits per call, tools that are there from the start, approval. Shows the change first.",
	run: async ({ arguments: [word = ""], options }) => {
		const client = oneOf(...names)(word);
		const { remove = false, url, tokenFile, worktree } = options;
		const plan = await planInstallation({
			client,
			remove,
			...(url !== undefined && { url }),
			...(tokenFile !== undefined && { tokenFile: resolve(tokenFile) }),
			...(worktree !== undefined && { worktree: resolve(worktree) }),
		});
		if (options.print) {
			print(JSON.stringify(plan.entry, null, 2));
			return exitCodes.ok;
		}
		if (plan.change.length === 0) {
			say(`${plan.file}: ${remove ? "nothing of ours is in it" : "it is so already"}`);
			return exitCodes.ok;
		}
		say(`${plan.title}: ${plan.file}`);
		for (const line of plan.change) say(`  ${line}`);
		for (const note of plan.notes) say(note);
		if (options.dryRun) return exitCodes.ok;
		await confirm(`Write ${plan.file}?`, options.yes);
		await plan.write();
		say(remove ? "taken out" : `written; start ${plan.title} anew`);
		return exitCodes.ok;
	},
});
