import { coordinatorUrl } from "#cli/arguments.ts";
import { defineCommand } from "#cli/command.ts";
import { exitCodes } from "#cli/exit-code.ts";
import { readSecret } from "#cli/secret-input.ts";
import { type WorkerFlags, workerOptions } from "#cli/worker-options.ts";

interface Options extends WorkerFlags {
	readonly name?: string;
	readonly tokenFile?: string;
}

export const join = defineCommand<Options>({
	arguments: [["<url>", "the coordinator's address, as in http://host:8000"]],
	options: [
		{ flags: "--name <name>", about: "what this worker is called (default: the host's name)" },
		{ flags: "--token-file <file>", about: "where the join token stands (else COVEY_JOIN_TOKEN, else stdin)" },
		...workerOptions,
	],
	notes: "covey token create join prints a token on the coordinator's machine.",
	run: async ({ arguments: [text = ""], options }) => {
		const url = coordinatorUrl(text);
		const { tokenFile, tag, ...flags } = options;
		const token = await readSecret({ file: tokenFile, variable: "COVEY_JOIN_TOKEN", what: "join token" });
		const { joinFleet } = await import("#compose/worker.ts");
		await joinFleet({ url, token, ...flags, ...(tag && { tags: tag }) });
		return exitCodes.ok;
	},
});
