import { z } from "zod";
import { mcpLimits } from "#mcp/limits.ts";

/** Arguments that every tool which runs something takes. Their descriptions are read by a model: few words. */
export const wishes = {
	timeout_secs: z.int().min(1).max(mcpLimits.timeoutSecsMax).optional().describe("end it after so long"),
	wait_secs: z.int().min(0).max(mcpLimits.waitSecsMax).optional().describe("answer with a job_id if it lasts longer"),
	idempotency_key: z.string().min(1).max(200).optional().describe("repeat a call with the same key to find the same run"),
	supersede: z.boolean().optional().describe("end older runs of this tool in this worktree"),
	detach: z.boolean().optional().describe("let it outlive this session"),
};
