import { CoveyError } from "@covey/protocol";
import type { WorkerRecord } from "#core/worker.ts";
import type { LinkContext } from "./session.ts";

/**
 * Sees to it that the fleet has a record of a worker that the door vouches for: unless it is known by this very
 * identity, it is enrolled now. @throws CoveyError with the reason why it is refused.
 */
export async function enrol(
	{ control, clock }: Pick<LinkContext, "control" | "clock">,
	worker: Pick<WorkerRecord, "name" | "identity" | "namespaces">,
): Promise<void> {
	const known = await control.query((fleet) => {
		const found = fleet.workerRecord(worker.name)?.record;
		return found && { identity: JSON.stringify(found.identity), revoked: found.revoked };
	});
	if (known?.revoked) throw new CoveyError("forbidden", `the worker ${worker.name} was revoked`, { hint: "use another name" });
	if (known?.identity === JSON.stringify(worker.identity)) return;
	const actor = { name: `worker:${worker.name}`, admin: false, namespaces: worker.namespaces };
	const record = { ...worker, enrolledAt: clock.now(), tags: {}, draining: false, revoked: false };
	await control.ask({ type: "worker.enrol", actor, record });
}
