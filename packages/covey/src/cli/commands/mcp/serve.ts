import { resolve } from "node:path";
import { defineCommand } from "#cli/command.ts";
import { openFleet } from "#cli/fleet.ts";
import { say } from "#cli/terminal.ts";

interface Flags {
	readonly worktree?: string;
	readonly url?: string;
	readonly tokenFile?: string;
}

/** What a server that an agent starts needs of the environment that it happens to get. */
const kept = /^(HOME|PATH|LANG|LC_.*|LOGNAME|USER|SHELL|TERM|TMPDIR|TZ|XDG_.*|COVEY_.*|NO_COLOR|NODE_EXTRA_CA_CERTS)$/;

export const mcp = defineCommand<Flags>({
	options: [
		{ flags: "--worktree <path>", about: "the worktree whose state is built and tested (default: here)" },
		{ flags: "--url <url>", about: "the coordinator, when it is not this home's" },
		{ flags: "--token-file <file>", about: "the token for --url" },
	],
	notes:
		"Speaks the Model Context Protocol on stdin and stdout; started by an agent's client. covey mcp install writes the client's configuration.",
	run: async ({ options: { worktree = ".", url, tokenFile } }) => {
		for (const name of Object.keys(process.env)) if (!kept.test(name)) delete process.env[name];
		if (url !== undefined) process.env.COVEY_URL = url;
		if (tokenFile !== undefined) process.env.COVEY_TOKEN_FILE = resolve(tokenFile);
		const { serveMcp } = await import("#compose/mcp/serve.ts");
		return serveMcp({ directory: resolve(worktree), openFleet: (watch) => openFleet({ start: true, ...watch }), say });
	},
});
