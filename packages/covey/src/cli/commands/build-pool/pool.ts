import type { Fleet } from "@covey/client";
import type { FleetStatus, ListenerStatus } from "@covey/protocol/operations";
import type { WorkerView } from "@covey/protocol/worker";

/** The build pool in one document. */
export interface Pool {
	readonly url: string;
	readonly version: string;
	readonly state: FleetStatus["state"];
	readonly reason?: string;
	readonly startedAt: number;
	/** Tasks that wait for a slot, and tasks that have one. */
	readonly queue: { readonly waiting: number; readonly running: number; readonly needsPerson: number };
	readonly slots: { readonly used: number; readonly total: number };
	/** The coordinator's own worker. */
	readonly localFallback: { readonly enabled: boolean; readonly slots: number; readonly used: number };
	readonly listeners: readonly ListenerStatus[];
	readonly workers: readonly WorkerView[];
}

export async function readPool(fleet: Fleet): Promise<Pool> {
	const [status, { workers }] = await Promise.all([fleet.call("fleet.status", {}), fleet.call("worker.list", {})]);
	const { url, version, state, reason, startedAt, slots, tasks, listeners = [] } = status;
	const own = workers.find(({ embedded, status: presence }) => embedded && presence === "connected");
	return {
		url,
		version,
		state,
		...(reason !== undefined && { reason }),
		startedAt,
		queue: { waiting: tasks.pending, running: tasks.claimed + tasks.in_progress, needsPerson: tasks.needs_human },
		slots,
		localFallback: { enabled: own !== undefined, slots: own?.offer?.slots ?? 0, used: own?.slotsUsed ?? 0 },
		listeners,
		workers,
	};
}
