import { randomBytes } from "node:crypto";
import { RunPayload, type SubmitResult, type TaskSubmission } from "@covey/protocol";
import { actorOf, requireNamespace } from "#coordinator/auth/principal.ts";
import { createIdentifier, pooled } from "#kit/identifier.ts";
import { check } from "./call.ts";
import type { Handler, OperationContext } from "./context.ts";
import { snapshotOf } from "./pins.ts";

const dedupWindowMs = 24 * 3600 * 1000;

interface Prepared {
	readonly id: string;
	readonly ask: string;
	readonly submission: TaskSubmission;
}

/** Submissions are checked here, answered by history when their dedup key is known there, and else go to the fleet. */
export function createSubmit(context: OperationContext): Handler<"task.submit"> {
	const { control, pins } = context;
	const submit: Handler<"task.submit"> = async ({ submissions }, { principal }) => {
		for (const { namespace } of submissions) requireNamespace(principal, namespace);
		const earlier: (SubmitResult | undefined)[] = [];
		const tasks: Prepared[] = [];
		try {
			for (const submission of submissions) {
				const known = submission.dedupKey === undefined ? undefined : await findEarlier(context, submission);
				earlier.push(known);
				if (!known) tasks.push(await prepare(context, submission));
			}
			if (tasks.length === 0) return { results: earlier as SubmitResult[] };
			const { results = [] } = await control.ask({ type: "task.submit", actor: actorOf(principal), tasks });
			for (const [index, { id }] of tasks.entries()) if (results[index]?.task !== id) pins.release(id);
			const fresh = results.values();
			// The status is the one that the entry made durable; what has happened since is in the events.
			return { results: earlier.map((known) => known ?? { status: "pending" as const, ...fresh.next().value! }) };
		} catch (error) {
			await pins.releaseRefused(
				tasks.map(({ id }) => id),
				control,
			);
			throw error;
		}
	};
	return (request, caller) => {
		const dedups = request.submissions.some(({ dedupKey }) => dedupKey !== undefined);
		return dedups ? context.look(() => submit(request, caller)) : submit(request, caller);
	};
}

const chance = pooled(randomBytes);

async function findEarlier({ history, clock }: OperationContext, submission: TaskSubmission): Promise<SubmitResult | undefined> {
	const task = await history.findByDedupKey(submission.namespace, submission.dedupKey!, clock.now() - dedupWindowMs);
	return task && { task: task.id, ask: task.asks[0]!.id, status: task.status, merged: false, deduplicated: true };
}

/** @throws CoveyError `bad_request` for a payload that its type does not know, `bad_snapshot` for objects that are not here. */
async function prepare(context: OperationContext, submission: TaskSubmission): Promise<Prepared> {
	const identifier = createIdentifier(context.clock.now(), chance);
	const ids = { id: `t_${identifier}`, ask: `a_${identifier}` };
	if (submission.type !== "run") return { ...ids, submission };
	const payload = check(RunPayload, submission.payload);
	const snapshot = snapshotOf(payload);
	if (snapshot) await context.pins.holdStored(ids.id, submission.namespace, snapshot);
	return { ...ids, submission: { ...submission, payload } };
}
