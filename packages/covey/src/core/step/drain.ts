import { audit, refuse, reply, workerUnknown } from "#core/answer.ts";
import type { EventOf } from "#core/event.ts";
import type { Turn } from "#core/fleet.ts";
import { changeWorker } from "#core/lifecycle/presence.ts";

/** A worker takes no new work, or takes it again. What it runs goes on. */
export function drain(turn: Turn, event: EventOf<"worker.drain">): void {
	const { fleet, effects } = turn;
	const { actor, replyTo, draining, worker: name } = event;
	const worker = fleet.workers.get(name);
	if (worker === undefined) {
		refuse(turn, replyTo, workerUnknown(name));
		return;
	}
	if (worker.record.draining !== draining) {
		worker.record.draining = draining;
		fleet.changes.workers.add(name);
		if (worker.session !== undefined) effects.push({ type: "drain", session: worker.session.id, worker: name, draining });
		changeWorker(turn, worker);
		audit(turn, actor, draining ? "worker.drain" : "worker.undrain", name);
	}
	reply(turn, replyTo, { ok: true, id: name });
}
