import { refusalAnswer } from "#mcp/answers/refusal.ts";
import { toolResult } from "#mcp/answers/result.ts";
import { count } from "#mcp/answers/verdict.ts";
import { argumentsOf } from "./arguments.ts";
import type { Toolbox } from "./toolbox.ts";

/** Who is there and how busy. */
export function registerWorkerStatus(toolbox: Toolbox): void {
	toolbox.server.registerTool(
		"worker_status",
		{
			title: "Covey: workers",
			description: "Show the workers of the fleet, how busy they are, and how many jobs wait.",
			inputSchema: argumentsOf({}),
			annotations: { readOnlyHint: true, openWorldHint: false },
		},
		async () => {
			try {
				const fleet = await toolbox.desk.fleet();
				const [{ workers }, status] = await Promise.all([fleet.call("worker.list", {}), fleet.call("fleet.status", {})]);
				const connected = workers.filter((worker) => worker.status === "connected");
				const remote = connected.filter((worker) => !worker.embedded);
				const shown = connected.map((worker) => ({
					id: worker.name,
					connected_since: worker.connectedAt === undefined ? null : new Date(worker.connectedAt).toISOString(),
					active_jobs: worker.slotsUsed,
					max_jobs: worker.offer?.slots ?? 0,
					draining: worker.draining,
					local: worker.embedded,
				}));
				const queued = status.tasks.pending;
				const local = remote.length === 0 && connected.some((worker) => worker.embedded && (worker.offer?.slots ?? 0) > 0);
				const lines = shown.map((worker) => {
					const marks = [worker.local ? "on the coordinator's machine" : "", worker.draining ? "draining" : ""].filter(
						(mark) => mark !== "",
					);
					return `${worker.id}: ${worker.active_jobs} of ${worker.max_jobs} slots in use${marks.length > 0 ? ` (${marks.join(", ")})` : ""}`;
				});
				const summary = `${count(remote.length, "worker")} connected, ${count(queued, "job")} waiting${local ? "; work runs on the coordinator's own machine" : ""}`;
				return toolResult([summary, ...lines].join("\n"), { summary, workers: shown, queued_jobs: queued, local_fallback_active: local });
			} catch (error) {
				return refusalAnswer(error);
			}
		},
	);
}
