import { audit, refuse, reply, workerUnknown } from "#core/answer.ts";
import type { EventOf } from "#core/event.ts";
import type { Turn } from "#core/fleet.ts";
import { lose } from "#core/lifecycle/conclude.ts";
import { moveWorker } from "#core/lifecycle/presence.ts";
import { revoked } from "./enrol.ts";
import { tasksOf } from "./session.ts";

/**
 * Refuses a worker's key from now on. Its attempts are fenced off at once, and go elsewhere when an honest worker has
 * surely killed them: when its lease would have ended. That it is told on its link proves nothing, for a link may be
 * dead without our knowing.
 */
export function revoke(turn: Turn, event: EventOf<"worker.revoke">): void {
	const { fleet, effects } = turn;
	const { actor, replyTo, worker: name } = event;
	const worker = fleet.workers.get(name);
	if (worker === undefined) {
		refuse(turn, replyTo, workerUnknown(name));
		return;
	}
	if (!worker.record.revoked) {
		worker.record.revoked = true;
		fleet.changes.workers.add(name);
		const { session } = worker;
		if (session !== undefined) effects.push({ type: "disconnect", session: session.id, worker: name, error: revoked(name) });
		moveWorker(turn, worker, "gone");
		for (const task of tasksOf(fleet, worker)) {
			lose(turn, task, `its worker ${name} was revoked`, { notBefore: task.lease!.until + fleet.config.leaseMarginMs });
		}
		audit(turn, actor, "worker.revoke", name);
	}
	reply(turn, replyTo, { ok: true, id: name });
}
