import { isEnded, TaskId, type TaskView } from "@covey/protocol";
import type { CallToolResult, ServerContext } from "@modelcontextprotocol/server";
import { z } from "zod";
import { stateOf } from "#mcp/answers/under-way.ts";
import type { Job } from "#mcp/jobs/job.ts";
import { mcpLimits } from "#mcp/limits.ts";
import { endOf } from "./run-job.ts";
import type { Toolbox } from "./toolbox.ts";

/** MCP Tasks, the extension of 2026-07-28 (SEP-2663): a long call is answered with a handle, which the client polls. */
export const tasksExtension = "io.modelcontextprotocol/tasks";

const capabilitiesKey = "io.modelcontextprotocol/clientCapabilities";

/** Clients declare it with each request; nobody else may be sent a task. */
export function declaresTasks({ mcpReq }: ServerContext): boolean {
	const capabilities = (mcpReq.envelope as Readonly<Record<string, unknown>> | undefined)?.[capabilitiesKey] as
		| { readonly extensions?: Readonly<Record<string, unknown>> }
		| undefined;
	return capabilities?.extensions?.[tasksExtension] !== undefined;
}

/** The SDK's type of a tool's answer does not know the extension's, which travels as it is. */
export function taskHandle(job: Job): CallToolResult {
	return { resultType: "task", ...shapeOf(job.task) } as unknown as CallToolResult;
}

/** `tasks/get` and `tasks/cancel`. A task's id is the job's, so any server that speaks for this asker can answer. */
export function registerTasks(toolbox: Toolbox): void {
	const params = z.object({ taskId: TaskId });
	toolbox.server.server.setRequestHandler("tasks/get", { params }, async ({ taskId }, context) => {
		const job = await toolbox.desk.find(taskId);
		using _ = toolbox.desk.present(job.id);
		if (!isEnded(job.task.status)) return { resultType: "complete", ...shapeOf(job.task) };
		const result = await endOf(toolbox, context, job);
		const status = job.task.status === "cancelled" ? "cancelled" : "completed";
		return {
			resultType: "complete",
			...shapeOf(job.task),
			status,
			...(status === "completed" && { result: { resultType: "complete", ...result } }),
		};
	});
	toolbox.server.server.setRequestHandler("tasks/cancel", { params }, async ({ taskId }) => {
		await toolbox.desk.cancel(taskId);
		return { resultType: "complete" };
	});
}

function shapeOf(task: TaskView): Record<string, unknown> {
	return {
		taskId: task.id,
		status: "working",
		statusMessage: stateOf(task),
		createdAt: new Date(task.createdAt).toISOString(),
		lastUpdatedAt: new Date(task.updatedAt).toISOString(),
		ttlMs: mcpLimits.taskTtlMs,
		pollIntervalMs: mcpLimits.taskPollMs,
	};
}
