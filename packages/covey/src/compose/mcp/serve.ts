import { serveStdio } from "@modelcontextprotocol/server/stdio";
import { loadConfig } from "#compose/config.ts";
import { keepOpen, type OpenFleet } from "#compose/keep-open.ts";
import { JobDesk } from "#mcp/jobs/desk.ts";
import { createMcpServer } from "#mcp/server.ts";
import { mcpSettings } from "./settings.ts";
import { openWorktree } from "./worktree.ts";

export interface ServeMcpOptions {
	/** Any directory of the agent's worktree. */
	readonly directory: string;
	/** Called again when an earlier one is closed for good. */
	readonly openFleet: OpenFleet;
	readonly say: (line: string) => void;
}

/** Signals by which clients end their servers, and what a process that one ended exits with. */
const endings = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;

/**
 * The agent's tools over stdin and stdout, until the client closes them or sends a signal: whatever it had asked for and
 * not detached then ends. @returns the exit code.
 */
export async function serveMcp({ directory, openFleet, say }: ServeMcpOptions): Promise<number> {
	// The person's own; what the worktree's says is asked at each call, and told there if it is broken.
	const { settings } = await loadConfig(process.env, "/");
	const worktree = await openWorktree(directory);
	const fleet = keepOpen(openFleet);
	const desk = new JobDesk(fleet.open, "connection", mcpSettings(settings));
	const ended = Promise.withResolvers<number>();
	process.stdin.once("end", () => ended.resolve(0)).once("close", () => ended.resolve(0));
	process.stdout.once("error", () => ended.resolve(0));
	for (const [signal, code] of Object.entries(endings)) process.once(signal, () => ended.resolve(code));
	const server = serveStdio(({ era }) => createMcpServer({ desk, worktree, settings: mcpSettings(settings), era }), {
		onerror: (error) => say(`covey mcp: ${error.message}`),
	});
	const code = await ended.promise;
	await desk.leave();
	await server.close();
	await fleet.close();
	return code;
}
