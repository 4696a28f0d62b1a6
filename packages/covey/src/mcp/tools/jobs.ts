import { TaskId } from "@covey/protocol";
import { z } from "zod";
import { refusalAnswer } from "#mcp/answers/refusal.ts";
import { toolResult } from "#mcp/answers/result.ts";
import { mcpLimits } from "#mcp/limits.ts";
import { argumentsOf } from "./arguments.ts";
import { readLog } from "./read-log.ts";
import { answerWithin } from "./run-job.ts";
import type { Toolbox } from "./toolbox.ts";

const job_id = TaskId.describe("as an earlier answer gave it");
const lookOnly = { readOnlyHint: true, openWorldHint: false } as const;

/** `job_wait`, `job_log` and `job_cancel`: for work that lasts longer than a call. Ids are handles: any connection may use them. */
export function registerJobs(toolbox: Toolbox): void {
	toolbox.server.registerTool(
		"job_wait",
		{
			title: "Covey: wait for a job",
			description: "Wait for a job that an earlier call left in progress, and get its result.",
			inputSchema: argumentsOf({ job_id, wait_secs: z.int().min(0).max(mcpLimits.waitSecsMax).optional() }),
			annotations: lookOnly,
		},
		async (given, context) => {
			try {
				using call = toolbox.calls?.enter(context.mcpReq);
				const job = await toolbox.desk.find(given.job_id);
				return await answerWithin(toolbox, context, job, { waitSecs: given.wait_secs, ...(call && { signal: call.signal }) });
			} catch (error) {
				return refusalAnswer(error);
			}
		},
	);
	toolbox.server.registerTool(
		"job_log",
		{
			title: "Covey: read a job's log",
			description: "Read the full log of a job: from a byte offset, its last lines (tail), or only lines that contain a text (grep).",
			inputSchema: argumentsOf({
				job_id,
				offset: z.int().min(0).optional().describe("bytes; next_offset of the answer before"),
				limit: z.int().min(200).max(mcpLimits.logPageCharsMax).optional().describe("characters"),
				tail: z.int().min(1).max(2000).optional().describe("lines from the end"),
				grep: z.string().min(1).max(200).optional().describe("plain text, not a pattern; case does not count"),
			}),
			annotations: lookOnly,
		},
		async (given) => {
			try {
				const fleet = await toolbox.desk.fleet();
				return await readLog(fleet, await fleet.call("task.get", { task: given.job_id }), given);
			} catch (error) {
				return refusalAnswer(error);
			}
		},
	);
	toolbox.server.registerTool(
		"job_cancel",
		{
			title: "Covey: end a job",
			description: "End a job. If others asked for the same work, it goes on for them.",
			inputSchema: argumentsOf({ job_id }),
			annotations: { readOnlyHint: false, destructiveHint: true, idempotentHint: true, openWorldHint: false },
		},
		async (given) => {
			try {
				await toolbox.desk.cancel(given.job_id);
				const summary = `The end of ${given.job_id} is asked for; job_wait tells when it has ended.`;
				return toolResult(summary, { summary, job_id: given.job_id });
			} catch (error) {
				return refusalAnswer(error);
			}
		},
	);
}
