import { z } from "zod";
import { wireLimits } from "./limits.ts";

/**
 * Worker link v1, exactly as published: a worker in any language that speaks only this gets work.
 * Unknown fields are ignored. `job_id` is an attempt key (`<task>.<attempt>`), so v1 is fenced too.
 */
const text = z.string().max(wireLimits.messageBytesMax);
const jobId = z.string().max(128);

export const V1FromWorker = z.discriminatedUnion("type", [
	z.object({
		type: z.literal("register"),
		worker_id: z.string().min(1).max(wireLimits.nameLengthMax),
		max_jobs: z.number().int().min(0).max(wireLimits.slotsMax),
	}),
	z.object({ type: z.literal("ready"), slots: z.number().int().min(0).max(wireLimits.slotsMax) }),
	z.object({ type: z.literal("output"), job_id: jobId, stream: z.enum(["stdout", "stderr"]), data: text }),
	z.object({ type: z.literal("complete"), job_id: jobId, exit_code: z.number().int() }),
	z.object({ type: z.literal("error"), job_id: jobId, message: text }),
	z.object({ type: z.literal("pong") }),
]);
export type V1FromWorker = z.infer<typeof V1FromWorker>;

export const V1ToWorker = z.discriminatedUnion("type", [
	z.object({
		type: z.literal("job"),
		job_id: jobId,
		/** A URL that plain `git fetch` understands, with a short-lived credential in it; empty without a snapshot. */
		repo: z.string(),
		commit: z.string(),
		/** A POSIX shell command line. */
		command: z.string(),
		env: z.record(z.string(), z.string()),
	}),
	z.object({ type: z.literal("cancel"), job_id: jobId }),
	z.object({ type: z.literal("ping") }),
]);
export type V1ToWorker = z.infer<typeof V1ToWorker>;
