import { isEnded } from "@covey/protocol";
import { mayUse, reply } from "#core/answer.ts";
import type { EventOf } from "#core/event.ts";
import type { Turn } from "#core/fleet.ts";
import { type Hold, renewHold } from "#core/hold.ts";
import { setTimer } from "#core/timers.ts";
import { withdraw } from "./cancel.ts";

/** Renews the asks whose asker is still there, and names those that nobody holds any more. */
export function hold(turn: Turn, { actor, replyTo, holds }: EventOf<"task.hold">): void {
	const { fleet, now } = turn;
	const lost = holds.filter(({ task: id, ask }) => {
		const task = fleet.tasks.get(id);
		return task === undefined || isEnded(task.status) || !mayUse(actor, task.spec.submission.namespace) || !renewHold(fleet, id, ask, now);
	});
	reply(turn, replyTo, { ok: true, lost: lost.map(({ ask }) => ask) });
}

/** Takes back an ask whose asker has been silent for too long. */
export function letHoldGo(turn: Turn, hold: Hold): void {
	const { fleet, now } = turn;
	if (hold.until > now) {
		setTimer(fleet.timers, hold, hold.until);
		return;
	}
	fleet.holds.delete(hold.ask);
	const task = fleet.tasks.get(hold.task);
	if (task === undefined || isEnded(task.status) || !task.asks.some(({ id }) => id === hold.ask)) return;
	const by = `the coordinator, which had not heard for ${Math.round(hold.ms / 1000)} s of who had asked for it,`;
	withdraw(turn, task, [hold.ask], { reason: "cancelled", by, force: false });
}
