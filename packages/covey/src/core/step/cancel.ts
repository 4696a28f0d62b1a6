import { isEnded, type WireError } from "@covey/protocol";
import { audit, mayUse, namespaceRefused, refuse, reply } from "#core/answer.ts";
import type { EndReason } from "#core/effect.ts";
import type { EventOf } from "#core/event.ts";
import type { Turn } from "#core/fleet.ts";
import { closeToMerges, closeToSuperseding, openToSuperseding } from "#core/keys.ts";
import { endedBy, finish } from "#core/lifecycle/conclude.ts";
import { touch } from "#core/lifecycle/move.ts";
import type { Task } from "#core/task.ts";

/** Ends a task at once when it waits, else when its worker has ended it; or takes back one ask of several. */
export function cancel(turn: Turn, event: EventOf<"task.cancel">): void {
	const { actor, replyTo, ask, force } = event;
	const task = turn.fleet.tasks.get(event.task);
	const refusal = refusalOf(task, event);
	if (task === undefined || refusal !== undefined) {
		refuse(turn, replyTo, refusal as WireError);
		return;
	}
	withdraw(turn, task, ask === undefined ? task.asks.map(({ id }) => id) : [ask], { reason: "cancelled", by: actor.name, force });
	audit(turn, actor, "task.cancel", task.spec.id, ask === undefined ? (force ? "by force" : undefined) : `ask ${ask}`);
	reply(turn, replyTo, { ok: true, id: task.spec.id });
}

/** Takes back these asks. With none left the task ends for this reason; its asks stay on record then. */
export function withdraw(
	turn: Turn,
	task: Task,
	asks: readonly string[],
	cancel: Omit<NonNullable<Task["cancel"]>, "at" | "reason"> & { reason: "cancelled" | "superseded" },
): void {
	const { fleet, now } = turn;
	const left = task.asks.filter(({ id }) => !asks.includes(id));
	if (left.length > 0) {
		closeToSuperseding(fleet.keys, task);
		task.asks = left;
		openToSuperseding(fleet.keys, task);
		touch(fleet, task, now);
		return;
	}
	if (task.lease === undefined) {
		finish(turn, task, { status: "cancelled", outcome: cancel.reason, message: endedBy(cancel) });
		return;
	}
	const again = task.cancel;
	task.cancel = {
		reason: again?.reason ?? cancel.reason,
		at: again?.at ?? now,
		by: again?.by ?? cancel.by,
		force: cancel.force || again?.force === true,
	};
	closeToMerges(fleet.keys, task);
	touch(fleet, task, now);
	if (again === undefined || task.cancel.force !== again.force) endAttempt(turn, task, task.cancel.reason);
}

/** How long the work may take to end by itself. */
export function graceOf(task: Task): number {
	return task.cancel?.force ? 0 : task.spec.submission.policies.graceMs;
}

/** Tells the worker to end the current attempt. Should it not hear, its next sync tells it again. */
function endAttempt({ fleet, effects }: Turn, task: Task, reason: EndReason): void {
	const { worker, attempt, session } = task.lease!;
	if (session === undefined || fleet.workers.get(worker)?.session?.id !== session) return;
	effects.push({ type: "end", session, worker, task: task.spec.id, attempt, reason, graceMs: graceOf(task) });
}

function refusalOf(task: Task | undefined, event: EventOf<"task.cancel">): WireError | undefined {
	if (task === undefined) return taskUnknown(event.task);
	const { id, submission } = task.spec;
	if (!mayUse(event.actor, submission.namespace)) return namespaceRefused(event.actor, submission.namespace);
	if (isEnded(task.status)) {
		return { code: "conflict", message: `task ${id} has ended already: ${task.status}, ${task.outcome}`, hint: `covey tasks show ${id}` };
	}
	if (event.ask === undefined || task.asks.some((ask) => ask.id === event.ask)) return undefined;
	return {
		code: "not_found",
		message: `task ${id} answers no ask ${event.ask}`,
		hint: `it answers ${task.asks.map((ask) => ask.id).join(", ")}`,
	};
}

export function taskUnknown(id: string): WireError {
	return { code: "not_found", message: `no live task is called ${id}`, hint: "covey tasks lists live and ended ones" };
}
