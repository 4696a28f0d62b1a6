import type { McpServer, ServerContext } from "@modelcontextprotocol/server";
import type { ClientProfile } from "#mcp/client-profile.ts";
import type { CallsUnderWay } from "#mcp/jobs/calls.ts";
import type { JobDesk } from "#mcp/jobs/desk.ts";
import type { McpSettings } from "#mcp/options.ts";
import type { Worktree } from "#mcp/worktree.ts";

/** What every tool works with. */
export interface Toolbox {
	readonly server: McpServer;
	readonly desk: JobDesk;
	/** Absent over HTTP for a token that names none. */
	readonly worktree?: Worktree | undefined;
	/** Over HTTP. */
	readonly calls?: CallsUnderWay | undefined;
	readonly settings: McpSettings;
	profile(context: ServerContext): ClientProfile;
	/** This call's client takes a task in place of a result. */
	takesTasks(context: ServerContext): boolean;
}
