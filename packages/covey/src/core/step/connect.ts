import { refuse, reply, workerUnknown } from "#core/answer.ts";
import type { EventOf } from "#core/event.ts";
import type { Turn } from "#core/fleet.ts";
import { changeWorker, moveWorker } from "#core/lifecycle/presence.ts";
import { revoked } from "./enrol.ts";
import { current } from "./session.ts";

/** A worker has proved who it is on a new connection, which replaces any older one. */
export function connect(turn: Turn, event: EventOf<"worker.connect">): void {
	const { fleet, now, effects } = turn;
	const worker = fleet.workers.get(event.worker);
	if (worker === undefined) {
		refuse(turn, event.replyTo, workerUnknown(event.worker));
		return;
	}
	if (worker.record.revoked) {
		refuse(turn, event.replyTo, revoked(event.worker));
		return;
	}
	const { session: older } = worker;
	const { session: id, instance, protocol, offer } = event;
	worker.session = { id, instance, protocol, since: now, assigned: 0 };
	worker.seenAt = now;
	worker.offer = offer;
	worker.pressure = undefined;
	worker.standing.benched = false;
	reply(turn, event.replyTo, { ok: true, id });
	if (older !== undefined) {
		const error = { code: "conflict", message: `a newer connection of ${event.worker} replaced this one` } as const;
		effects.push({ type: "disconnect", session: older.id, worker: event.worker, error });
	}
	if (worker.record.draining) effects.push({ type: "drain", session: id, worker: event.worker, draining: true });
	moveWorker(turn, worker, "connected");
}

/** What a worker offers has changed. */
export function offer(turn: Turn, event: EventOf<"worker.offer">): void {
	const worker = current(turn, event);
	if (worker === undefined) return;
	worker.offer = event.offer;
	worker.standing.benched = false;
	changeWorker(turn, worker);
}
