import type { WireError } from "@covey/protocol";
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
		const error = older.instance === instance ? replaced(event.worker) : takenOver(event.worker);
		effects.push({ type: "disconnect", session: older.id, worker: event.worker, error });
	}
	if (worker.record.draining) effects.push({ type: "drain", session: id, worker: event.worker, draining: true });
	moveWorker(turn, worker, "connected");
}

/** To a connection that its own process has given up, should it hear this after all. */
function replaced(name: string): WireError {
	return { code: "unavailable", message: `a newer connection of ${name} replaced this one` };
}

/** To the process that was here before, which stops then: two that take turns would both lose all their work. */
function takenOver(name: string): WireError {
	return {
		code: "name_in_use",
		message: `another process has connected as ${name}, with the same key: the newer one stays`,
		hint: "stop one of both; if this machine was copied from another, remove its worker's state directory and join again with a --name of its own",
	};
}

/** What a worker offers has changed. */
export function offer(turn: Turn, event: EventOf<"worker.offer">): void {
	const worker = current(turn, event);
	if (worker === undefined) return;
	worker.offer = event.offer;
	worker.standing.benched = false;
	changeWorker(turn, worker);
}
