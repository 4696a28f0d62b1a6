import { attemptKey } from "@covey/protocol";
import type { Effect } from "#core/effect.ts";
import type { EventOf } from "#core/event.ts";
import type { Turn } from "#core/fleet.ts";
import { assign, renewLease } from "#core/lifecycle/claim.ts";
import { conclude, lose, reportOf } from "#core/lifecycle/conclude.ts";
import { reload } from "#core/scheduling/scheduler.ts";
import type { Lease, Task } from "#core/task.ts";
import type { Session, Worker } from "#core/worker.ts";
import { begin } from "./attempt.ts";
import { graceOf } from "./cancel.ts";
import { current, isOf, tasksOf } from "./session.ts";

type Sync = EventOf<"worker.sync">;
type Synced = Extract<Effect, { type: "synced" }>;

/**
 * The worker states what it runs, and is told what it should: level-triggered, so any lost message heals here.
 * Leases of what it lists and rightly runs are renewed; what it lists and should not run, it is told to end; what it
 * should run and does not list is on its way, sent again, or lost.
 */
export function sync(turn: Turn, event: Sync): void {
	const { fleet, effects } = turn;
	const worker = current(turn, event);
	if (worker === undefined) return;
	const session = worker.session as Session;
	worker.pressure = event.pressure;
	worker.standing.benched = false;
	const listed = new Set<string>();
	const end: Synced["end"][number][] = [];
	const settled: Synced["settled"][number][] = [];
	const keep: Synced["keep"][number][] = [];
	for (const { task: id, attempt, state } of event.attempts) {
		const task = fleet.tasks.get(id);
		const lease = task?.attempt === attempt ? task.lease : undefined;
		if (task === undefined || lease === undefined || !isOf(lease, worker, session)) {
			if (state === "ended") settled.push({ task: id, attempt });
			else end.push({ task: id, attempt, reason: "worker_lost", graceMs: task === undefined ? 0 : graceOf(task) });
			continue;
		}
		listed.add(attemptKey(id, attempt));
		keep.push({ task: id, attempt });
		renewLease(turn, lease);
		lease.session = session.id;
		lease.instance = session.instance;
		if (state === "running") begin(turn, task);
		if (task.cancel !== undefined && state !== "ended") end.push({ task: id, attempt, reason: task.cancel.reason, graceMs: graceOf(task) });
	}
	effects.push({
		type: "synced",
		session: session.id,
		worker: event.worker,
		sequence: event.sequence,
		end,
		settled,
		draining: worker.record.draining,
		keep,
	});
	for (const task of tasksOf(fleet, worker)) {
		if (!listed.has(attemptKey(task.spec.id, task.attempt))) heal(turn, task, worker, session, event.assigned);
	}
	reload(fleet.scheduler, worker);
}

/** The worker holds the lease and does not list the attempt. */
function heal(turn: Turn, task: Task, worker: Worker, session: Session, assigned: number): void {
	const lease = task.lease as Lease;
	const { name } = worker.record;
	if (!isOf(lease, worker, session)) {
		lose(turn, task, `its worker ${name} started anew`);
		return;
	}
	if (lease.session === session.id && lease.assigned > assigned) return;
	if (task.status !== "claimed") {
		lose(turn, task, `its worker ${name} no longer runs it`);
		return;
	}
	if (task.cancel !== undefined) {
		conclude(turn, task, reportOf(task.cancel.reason, "cancelled before its worker had it"));
		return;
	}
	if (worker.record.draining) {
		// It never arrived, and by now it would be new work.
		conclude(turn, task, reportOf("no_capacity", `${name} drains and had not taken it`), { declined: true });
		return;
	}
	// Its worker counts a full lease from now, and so must we.
	renewLease(turn, lease);
	assign(turn, task, worker, session, true);
}
