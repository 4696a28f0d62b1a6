import { CoveyError } from "@covey/protocol";
import type { CallToolResult, ServerContext } from "@modelcontextprotocol/server";
import { finish } from "#mcp/answers/finish.ts";
import { refusalAnswer } from "#mcp/answers/refusal.ts";
import { underWayAnswer } from "#mcp/answers/under-way.ts";
import { type Job, purposeOf } from "#mcp/jobs/job.ts";
import { type RunWishes, submissionFor } from "#mcp/jobs/submission.ts";
import { waitForEnd } from "#mcp/jobs/wait.ts";
import { mcpLimits } from "#mcp/limits.ts";
import type { Meaningless, Recipe } from "#mcp/project/recipe.ts";
import type { Worktree, WorktreePolicy } from "#mcp/worktree.ts";
import { taskHandle } from "./tasks.ts";
import type { Toolbox } from "./toolbox.ts";

export interface RunJobOptions {
	readonly verb: string;
	readonly wishes: RunWishes & { readonly wait_secs?: number | undefined };
	readonly filter?: string | undefined;
	/** What the verb means here, worked out while git looks at the worktree. */
	readonly recipe: (worktree: Worktree, policy: WorktreePolicy) => Promise<Recipe | Meaningless>;
}

/** Snapshot, submission, bounded wait, answer. Whatever goes wrong is told in a sentence. */
export async function runJob(
	toolbox: Toolbox,
	context: ServerContext,
	{ verb, wishes, filter, recipe }: RunJobOptions,
): Promise<CallToolResult> {
	const { desk, worktree } = toolbox;
	try {
		if (worktree === undefined) throw noWorktree();
		using call = toolbox.calls?.enter(context.mcpReq);
		const { signal } = call ?? context.mcpReq;
		// Opened meanwhile; what came of it is seen when it is needed.
		void desk.fleet().catch(() => {});
		const policy = await worktree.policy();
		const [snapshot, meant] = await Promise.all([worktree.snapshot(signal), recipe(worktree, policy)]);
		if ("sentence" in meant) throw new CoveyError("bad_request", meant.sentence, { hint: meant.hint });
		const submission = submissionFor({ verb, recipe: meant, worktree, policy, snapshot, wishes, filter, settings: toolbox.settings });
		const { job, ask } = await onceMore(signal, async () => {
			await worktree.carry(await desk.fleet(), snapshot, policy.namespace, signal);
			signal.throwIfAborted();
			return desk.start(submission, snapshot);
		});
		try {
			return await answerWithin(toolbox, context, job, { waitSecs: wishes.wait_secs, signal });
		} catch (error) {
			// The agent gave this call up; what it wanted to outlive it goes on.
			if (signal.aborted && !wishes.detach) await desk.cancel(job.id, ask).catch(() => {});
			throw error;
		}
	} catch (error) {
		return refusalAnswer(error);
	}
}

/** A coordinator that has gone is looked for anew by the second try; its key for duplicates makes the submission safe to repeat. */
async function onceMore<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
	try {
		return await work();
	} catch (error) {
		if (signal.aborted || !(error instanceof CoveyError) || error.code !== "unavailable") throw error;
		return work();
	}
}

/**
 * The job's answer if it ends in time; else a task for a client that takes them, a handle for others.
 * @param waitSecs as the agent wishes; absent: as long as its client allows.
 * @param signal of the call, where it may end otherwise than with its connection.
 */
export async function answerWithin(
	toolbox: Toolbox,
	context: ServerContext,
	job: Job,
	{ waitSecs, signal = context.mcpReq.signal }: { readonly waitSecs?: number | undefined; readonly signal?: AbortSignal } = {},
): Promise<CallToolResult> {
	using _ = toolbox.desk.present(job.id);
	const longest = toolbox.profile(context).waitMs;
	const wanted = waitSecs === undefined ? longest : Math.min(waitSecs, mcpLimits.waitSecsMax) * 1000;
	const asTask = toolbox.takesTasks(context);
	const ended = await waitForEnd(job, asTask ? Math.min(wanted, mcpLimits.taskAfterMs) : wanted, context, signal);
	if (ended !== undefined) return endOf(toolbox, context, job);
	if (asTask) return taskHandle(job);
	const [why, silentSince] = await Promise.all([whyItWaits(toolbox, job), job.silentSince()]);
	return underWayAnswer(job, { verb: purposeOf(job.task).verb, why, silentSince });
}

/** The answer for a job that has ended; worked out once, so that a patch is applied once. */
export function endOf({ desk, worktree, profile }: Toolbox, context: ServerContext, job: Job): Promise<CallToolResult> {
	return desk.once(job, async () => {
		const reading = await job.ended;
		const fleet = await desk.fleet();
		const chars = profile(context).answerChars;
		return finish({ ...reading, report: reading.report! }, { fleet, worktree, asked: desk.asked(job.id), chars });
	});
}

async function whyItWaits({ desk }: Toolbox, job: Job): Promise<string | undefined> {
	if (job.task.status !== "pending") return undefined;
	const fleet = await desk.fleet();
	return (await fleet.call("task.explain", { task: job.id })).sentence;
}

function noWorktree(): CoveyError {
	return new CoveyError("bad_request", "this connection's token names no worktree, so there is nothing to build or test", {
		hint: "use the stdio server (covey mcp --worktree PATH), or a token made by: covey token create mcp --worktree PATH",
	});
}
