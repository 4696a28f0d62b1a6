import type { McpEndpoint } from "#ports/mcp.ts";
import { setPlainHeaders } from "./answer.ts";
import { bearerOf } from "./door.ts";
import type { Route } from "./route.ts";

/** The tools of coding agents for clients that speak Streamable HTTP. */
export function createMcpRoute(endpoint: McpEndpoint): Route {
	return {
		method: "POST",
		path: "/mcp",
		summary: "Model Context Protocol, Streamable HTTP",
		access: ["submit"],
		handle({ request, response }, { tokenId, worktree }) {
			setPlainHeaders(response);
			return endpoint.handle(request, response, {
				tokenId,
				token: bearerOf(request) as string,
				...(worktree !== undefined && { worktree }),
			});
		},
	};
}
