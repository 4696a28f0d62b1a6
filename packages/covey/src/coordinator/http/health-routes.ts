import type { Metrics } from "#coordinator/metrics/metrics.ts";
import type { OperationContext } from "#coordinator/operations/context.ts";
import type { Control } from "#ports/control.ts";
import { sendJson, sendText } from "./answer.ts";
import type { Exchange, Route } from "./route.ts";

/**
 * Is the process alive, and does it take work? Open to all who reach it, and tells no more than that. Metrics tell who
 * works how much, so they need a token with the role read.
 */
export function createHealthRoutes(control: Control, metrics: Metrics, listeners: OperationContext["listeners"]): Route[] {
	const ready: Route = {
		method: "GET",
		path: "/readyz",
		summary: "200 when it takes work, else 503; ?verbose names the checks",
		access: "open",
		handle({ response, url }) {
			const checks = {
				running: control.state !== "starting" && control.state !== "stopped",
				writable: control.state !== "read_only",
				accepting: control.state !== "draining",
			};
			const ok = Object.values(checks).every(Boolean);
			// Work goes on without them.
			const down = listeners().flatMap(({ purpose, up, reason }) => (up ? [] : [{ listener: purpose, reason }]));
			const degraded = down.length > 0 && { degraded: down };
			if (url.searchParams.has("verbose")) sendJson(response, ok ? 200 : 503, { ready: ok, state: control.state, checks, ...degraded });
			else sendText(response, ok ? 200 : 503, "text/plain; charset=utf-8", ok ? "ok\n" : `${control.state}\n`);
		},
	};
	return [
		{
			method: "GET",
			path: "/livez",
			summary: "200 while the process answers",
			access: "open",
			handle: ({ response }) => sendText(response, 200, "text/plain; charset=utf-8", "ok\n"),
		},
		ready,
		{ ...ready, path: "/healthz", summary: "The same as /readyz" },
		{
			method: "GET",
			path: "/metrics",
			summary: "Prometheus metrics",
			access: ["read"],
			async handle({ response }: Exchange) {
				sendText(response, 200, metrics.contentType, await metrics.render());
			},
		},
	];
}
