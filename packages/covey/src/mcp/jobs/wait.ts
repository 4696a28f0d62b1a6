import type { ServerContext } from "@modelcontextprotocol/server";
import { stateOf } from "#mcp/answers/under-way.ts";
import { mcpLimits } from "#mcp/limits.ts";
import type { Job, JobReading } from "./job.ts";

/**
 * Waits for the end of a job, at most so long, and tells its progress meanwhile. Undefined: not yet.
 * @param signal of the call.
 * @throws the job's error; the reason of the signal.
 */
export async function waitForEnd(
	job: Job,
	ms: number,
	context: ServerContext,
	signal = context.mcpReq.signal,
): Promise<JobReading | undefined> {
	signal.throwIfAborted();
	const started = Date.now();
	const late = Promise.withResolvers<undefined>();
	const timer = setTimeout(() => late.resolve(undefined), ms);
	const over = new AbortController();
	const progress = setInterval(() => void tellProgress(job, Date.now() - started, context, over.signal), mcpLimits.progressEveryMs);
	const abort = () => late.reject(signal.reason);
	signal.addEventListener("abort", abort, { once: true });
	try {
		return await Promise.race([job.ended, late.promise]);
	} finally {
		clearTimeout(timer);
		clearInterval(progress);
		over.abort();
		signal.removeEventListener("abort", abort);
	}
}

/** Not behind the answer: a client knows the token no more then. */
async function tellProgress(job: Job, elapsedMs: number, { mcpReq }: ServerContext, over: AbortSignal): Promise<void> {
	const progressToken = mcpReq._meta?.progressToken;
	if (progressToken === undefined) return;
	const silentSince = await job.silentSince();
	if (over.aborted) return;
	const line = job.lastLine?.slice(0, 200);
	const message = `${stateOf(job.task, { silentSince })}${line ? `: ${line}` : ""}`;
	await mcpReq
		.notify({ method: "notifications/progress", params: { progressToken, progress: Math.round(elapsedMs / 1000), message } })
		.catch(() => {});
}
