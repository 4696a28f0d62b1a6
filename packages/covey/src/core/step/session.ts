import { parseAttemptKey } from "@covey/protocol";
import type { Fleet, Turn } from "#core/fleet.ts";
import type { Lease, Task } from "#core/task.ts";
import type { Session, Worker } from "#core/worker.ts";

/** The worker, if this is its current session; whatever comes from an older one is ignored. */
export function current({ fleet, now }: Turn, from: { readonly worker: string; readonly session: string }): Worker | undefined {
	const worker = fleet.workers.get(from.worker);
	if (worker?.session?.id !== from.session) return undefined;
	worker.seenAt = now;
	return worker;
}

/** The lease belongs to this process of this worker, as far as is known. */
export function isOf(lease: Lease, worker: Worker, session: Session): boolean {
	return lease.worker === worker.record.name && (lease.instance === undefined || lease.instance === session.instance);
}

/** The tasks whose current attempt this worker holds a lease of. */
export function tasksOf(fleet: Fleet, worker: Worker): Task[] {
	return [...worker.held.keys()].map((key) => fleet.tasks.get(parseAttemptKey(key)!.task) as Task);
}
