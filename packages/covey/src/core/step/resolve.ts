import { isEnded, type Outcome } from "@covey/protocol";
import { audit, mayUse, namespaceRefused, refuse, reply } from "#core/answer.ts";
import { nextOrder } from "#core/changes.ts";
import type { EventOf } from "#core/event.ts";
import type { Fleet, Turn } from "#core/fleet.ts";
import { indexKeys } from "#core/keys.ts";
import { finish, requeue } from "#core/lifecycle/conclude.ts";
import { admit } from "#core/lifecycle/move.ts";
import type { Task } from "#core/task.ts";
import { refuseMove, taskTransitions } from "#core/transitions.ts";
import { taskUnknown } from "./cancel.ts";

const outcomeOf = { done: "passed", failed: "failed", cancelled: "cancelled" } as const satisfies Record<string, Outcome>;

/** A person decides what becomes of a task that failed or needs them. One that history holds comes back into memory. */
export function resolve(turn: Turn, event: EventOf<"task.resolve">): void {
	const { fleet } = turn;
	const { actor, replyTo, to } = event;
	const held = fleet.tasks.get(event.task);
	const task = held ?? (event.ended && recall(fleet, event.ended));
	if (task === undefined) {
		refuse(turn, replyTo, taskUnknown(event.task));
		return;
	}
	const { id, submission } = task.spec;
	if (!mayUse(actor, submission.namespace)) {
		refuse(turn, replyTo, namespaceRefused(actor, submission.namespace));
		return;
	}
	const refusal = refuseMove(taskTransitions, id, task.status, to);
	if (refusal !== undefined) {
		refuse(turn, replyTo, refusal);
		return;
	}
	if (held === undefined) admit(fleet, task);
	if (to === "pending") requeue(turn, task, task.waitUntil ?? 0);
	else
		finish(turn, task, {
			status: to,
			outcome: outcomeOf[to],
			message: event.message ?? `decided by ${actor.name}`,
			exitCode: task.exitCode,
		});
	if (!isEnded(task.status)) indexKeys(fleet.keys, task);
	audit(turn, actor, "task.resolve", id, event.message === undefined ? to : `${to}: ${event.message}`);
	reply(turn, replyTo, { ok: true, id });
}

/** A record of history as a task of ours, that nobody else holds. It queues up anew: its old place is long gone. */
function recall(fleet: Fleet, ended: Task): Task {
	return {
		...ended,
		order: nextOrder(fleet),
		lease: undefined,
		ticket: undefined,
		timer: undefined,
		written: undefined,
	};
}
