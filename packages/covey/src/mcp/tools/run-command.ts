import { CoveyError } from "@covey/protocol";
import { z } from "zod";
import { mcpLimits } from "#mcp/limits.ts";
import { argumentsOf } from "./arguments.ts";
import { runJob } from "./run-job.ts";
import type { Toolbox } from "./toolbox.ts";
import { wishes } from "./wishes.ts";

/** Any command line, run by `sh`, as the agent wrote it. */
export function registerRunCommand(toolbox: Toolbox): void {
	toolbox.server.registerTool(
		"run_command",
		{
			title: "Covey: run a command",
			description:
				"Run a shell command on the fleet, from the exact state of the worktree, uncommitted edits included. Files that it changes stay there. It has no terminal and no stdin.",
			inputSchema: argumentsOf({ command: z.string().min(1).max(mcpLimits.commandCharsMax), ...wishes }),
			annotations: { readOnlyHint: false, destructiveHint: true, idempotentHint: false, openWorldHint: true },
		},
		(given, context) =>
			runJob(toolbox, context, {
				verb: "run_command",
				wishes: given,
				recipe: async () => {
					if (given.command.trim() === "") throw new CoveyError("bad_request", "command: it holds only spaces, so there is nothing to run");
					if (given.command.includes("\0")) throw new CoveyError("bad_request", "the command holds a NUL byte");
					return {
						command: ["sh", "-c", given.command],
						environment: { NO_COLOR: "1", TERM: "dumb" },
						parser: "auto",
						pull: [],
						changesTree: false,
						because: "as asked",
					};
				},
			}),
	);
}
