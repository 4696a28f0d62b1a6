import type { Fleet } from "@covey/client";
import type { Logger } from "#kit/logger.ts";
import type { McpEndpoint } from "#ports/mcp.ts";

/** `/mcp`, whose code is loaded at its first call: most coordinators never get one. */
export function createMcpRelay(openFleet: (token: string) => Promise<Fleet>, logger: Logger): McpEndpoint {
	let endpoint: Promise<McpEndpoint> | undefined;
	return {
		async handle(...call) {
			endpoint ??= import("./endpoint.ts").then(({ createEndpoint }) => createEndpoint({ openFleet, logger }));
			await (await endpoint).handle(...call);
		},
	};
}
