import { createArtifactRoutes } from "#coordinator/artifacts/routes.ts";
import type { SnapshotStore } from "#coordinator/git/store.ts";
import type { Logs } from "#coordinator/logs/log.ts";
import type { Metrics } from "#coordinator/metrics/metrics.ts";
import type { Handlers, OperationContext } from "#coordinator/operations/context.ts";
import type { LinkServer } from "#coordinator/ws/server.ts";
import type { Blobs } from "#ports/blobs.ts";
import type { McpEndpoint } from "#ports/mcp.ts";
import { sendJson } from "./answer.ts";
import { createEventRoute } from "./event-routes.ts";
import type { EventStreams } from "./event-stream.ts";
import { createGitRoutes } from "./git-routes.ts";
import { createHealthRoutes } from "./health-routes.ts";
import { createLogRoute } from "./log-route.ts";
import { createMcpRoute } from "./mcp-route.ts";
import { createOperationRoutes, describeApi } from "./operation-routes.ts";
import type { Route } from "./route.ts";

export interface RoutesOptions {
	readonly context: OperationContext;
	readonly handlers: Handlers;
	readonly metrics: Metrics;
	readonly streams: EventStreams;
	readonly logs: Logs;
	readonly blobs: Blobs;
	readonly snapshots: SnapshotStore;
	readonly link: Pick<LinkServer, "authorizeGit">;
	readonly mcp?: McpEndpoint;
}

/** Everything that answers HTTP, in one table: the door goes through it, and the OpenAPI document is made from it. */
export function createRoutes({ context, handlers, metrics, streams, logs, blobs, snapshots, link, mcp }: RoutesOptions): readonly Route[] {
	const routes: Route[] = [
		...createOperationRoutes(handlers),
		createEventRoute(context.control, context.feed, streams),
		createLogRoute(context, logs, streams),
		...createArtifactRoutes(context, blobs),
		...createGitRoutes(context.control, snapshots, link.authorizeGit),
		...createHealthRoutes(context.control, metrics, context.listeners),
		...(mcp ? [createMcpRoute(mcp)] : []),
		{
			method: "GET",
			path: "/api/v1/openapi.json",
			summary: "This API as an OpenAPI document",
			access: "open",
			handle: ({ response }) => sendJson(response, 200, document),
		},
	];
	const document = describeApi(routes);
	return routes;
}
