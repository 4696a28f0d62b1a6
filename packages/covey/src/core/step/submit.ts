import { isEnded, type TaskSubmission, type WireError } from "@covey/protocol";
import { mayUse, namespaceRefused, refuse, reply } from "#core/answer.ts";
import { nextOrder } from "#core/changes.ts";
import type { SubmitReply } from "#core/effect.ts";
import type { Actor, EventOf } from "#core/event.ts";
import type { Fleet, Turn } from "#core/fleet.ts";
import { holdAsk, renewHold } from "#core/hold.ts";
import { indexSupersede, scoped } from "#core/keys.ts";
import { admit, announce, touch } from "#core/lifecycle/move.ts";
import { stopWaiting, wait } from "#core/lifecycle/wait.ts";
import { limits } from "#core/limits.ts";
import { needsOf } from "#core/scheduling/class.ts";
import { exclusion } from "#core/scheduling/match.ts";
import { priorityOf, type Task } from "#core/task.ts";
import { withdraw } from "./cancel.ts";

type Submit = EventOf<"task.submit">;
type Entry = Submit["tasks"][number];

/** All of the submission, or nothing with an error that names what is wrong. */
export function submit(turn: Turn, event: Submit): void {
	const refusal = refusalOf(turn.fleet, event);
	if (refusal !== undefined) {
		refuse(turn, event.replyTo, refusal);
		return;
	}
	reply(turn, event.replyTo, { ok: true, results: event.tasks.map((entry) => accept(turn, event.actor, entry)) });
}

function refusalOf(fleet: Fleet, { actor, tasks }: Submit): WireError | undefined {
	let fresh = 0;
	for (const { submission } of tasks) {
		if (!mayUse(actor, submission.namespace)) return namespaceRefused(actor, submission.namespace);
		if (earlier(fleet, submission) !== undefined) continue;
		const unmatched = submission.policies.unmatched === "refuse" ? noWorker(fleet, submission) : undefined;
		if (unmatched !== undefined) return unmatched;
		fresh++;
	}
	return fresh === 0 ? undefined : noRoom(fleet, fresh);
}

/** What is held may pass the limit of bytes by one message, which is bounded: so nothing is weighed twice. */
function noRoom(fleet: Fleet, fresh: number): WireError | undefined {
	const { tasksLiveMax, specBytesMax } = fleet.config;
	const few = fleet.tasks.size + fresh <= tasksLiveMax;
	if (few && fleet.specBytes < specBytesMax) return undefined;
	return {
		code: "too_many",
		message: few
			? `the ${fleet.tasks.size} live tasks take ${fleet.specBytes} bytes, which is over the limit of ${specBytesMax}`
			: `${fleet.tasks.size} tasks are live and ${fresh} more would pass the limit of ${tasksLiveMax}`,
		hint: "wait until some have ended, or cancel what is no longer wanted: covey tasks --status pending",
		retryAfterMs: 1000,
	};
}

function accept(turn: Turn, actor: Actor, { id, ask, submission }: Entry): SubmitReply {
	const { fleet } = turn;
	const twin = dedupTwin(fleet, submission);
	if (twin !== undefined) return { task: twin.spec.id, ask: askOf(turn, twin, actor, ask, submission), merged: false, deduplicated: true };
	const partner = mergePartner(fleet, submission);
	const task = partner ?? create(turn, actor, id, submission);
	addAsk(turn, task, actor, ask, submission);
	if (submission.priority > priorityOf(task)) raise(turn, task, submission.priority);
	if (submission.supersedeKey !== undefined) supersede(turn, task, submission.supersedeKey, actor);
	if (partner === undefined) {
		admit(fleet, task);
		announce(turn, task);
		wait(turn, task);
	}
	return { task: task.spec.id, ask, merged: partner !== undefined, deduplicated: false };
}

function create({ fleet, now }: Turn, actor: Actor, id: string, submission: TaskSubmission): Task {
	const { notBefore } = submission;
	return {
		spec: { id, submission, submitter: actor.name, createdAt: now },
		status: "pending",
		updatedAt: now,
		endedAt: undefined,
		outcome: undefined,
		exitCode: undefined,
		message: undefined,
		asks: [],
		attempt: 0,
		attempts: [],
		placements: [],
		cancel: undefined,
		waitUntil: notBefore !== undefined && notBefore > now ? notBefore : undefined,
		pendingSince: now,
		order: nextOrder(fleet),
		lease: undefined,
		ticket: undefined,
		timer: undefined,
	};
}

/** The ask that answers this actor for an earlier task: its own, a new one while the task lives, or the first. */
function askOf(turn: Turn, task: Task, actor: Actor, ask: string, { holdMs }: TaskSubmission): string {
	const own = task.asks.find(({ submitter }) => submitter === actor.name);
	if (own !== undefined) {
		renewHold(turn.fleet, task.spec.id, own.id, turn.now);
		return own.id;
	}
	if (isEnded(task.status) || task.cancel !== undefined || task.asks.length >= limits.asksMax) return task.asks[0]!.id;
	addAsk(turn, task, actor, ask, { holdMs });
	return ask;
}

function addAsk(
	{ fleet, now }: Turn,
	task: Task,
	actor: Actor,
	id: string,
	{ supersedeKey, holdMs }: Pick<TaskSubmission, "supersedeKey" | "holdMs">,
): void {
	const ask = {
		id,
		submitter: actor.name,
		at: now,
		...(supersedeKey !== undefined && { supersedeKey }),
		...(holdMs !== undefined && { holdMs }),
	};
	task.asks = [...task.asks, ask];
	holdAsk(fleet, task.spec.id, ask, now);
	touch(fleet, task, now);
}

/** Somebody to whom it is more urgent waits for it too: it moves up in its queue, and stays there whoever goes. */
function raise(turn: Turn, task: Task, priority: number): void {
	task.raisedTo = priority;
	if (task.ticket === undefined) return;
	stopWaiting(turn, task);
	wait(turn, task);
}

/** Takes back the older asks with this key that other tasks answer. */
function supersede(turn: Turn, task: Task, supersedeKey: string, actor: Actor): void {
	const { keys } = turn.fleet;
	const older = keys.supersede.get(scoped(task.spec.submission.namespace, supersedeKey)) ?? [];
	for (const other of older.filter((candidate) => candidate !== task)) {
		const asks = other.asks.filter((ask) => ask.supersedeKey === supersedeKey).map((ask) => ask.id);
		withdraw(turn, other, asks, { reason: "superseded", by: actor.name, force: false });
	}
	indexSupersede(keys, task, supersedeKey);
}

function earlier(fleet: Fleet, submission: TaskSubmission): Task | undefined {
	return dedupTwin(fleet, submission) ?? mergePartner(fleet, submission);
}

function dedupTwin(fleet: Fleet, { namespace, dedupKey }: TaskSubmission): Task | undefined {
	return dedupKey === undefined ? undefined : fleet.keys.dedup.get(scoped(namespace, dedupKey));
}

function mergePartner(fleet: Fleet, { namespace, mergeKey }: TaskSubmission): Task | undefined {
	const partner = mergeKey === undefined ? undefined : fleet.keys.merge.get(scoped(namespace, mergeKey));
	return partner !== undefined && partner.asks.length < limits.asksMax ? partner : undefined;
}

/** The refusal when no worker, here or away for no longer than a lease, could ever run it. */
function noWorker(fleet: Fleet, submission: TaskSubmission): WireError | undefined {
	const needs = needsOf(submission, false);
	const excluded: { worker: string; excluded: string }[] = [];
	let known = 0;
	for (const worker of fleet.workers.values()) {
		if (worker.status === "gone" || worker.record.revoked) continue;
		const reason = exclusion(needs, worker);
		if (reason === undefined) return undefined;
		known++;
		if (excluded.length < limits.candidatesMax) excluded.push({ worker: worker.record.name, excluded: reason });
	}
	const named = excluded.map(({ worker, excluded: reason }) => `${worker} (${reason})`).join("; ");
	const more = known > excluded.length ? `; and ${known - excluded.length} more` : "";
	return {
		code: "no_worker",
		message: known === 0 ? "no worker is connected" : `no worker meets the constraints: ${named}${more}`,
		hint:
			known === 0
				? "join one with covey join, or let it wait for one: covey run --detach"
				: "change the constraints, join a worker that meets them, or let it wait for one: covey run --detach",
		details: { workers: excluded },
	};
}
