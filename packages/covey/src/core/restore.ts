import { CoveyError, isEnded } from "@covey/protocol";
import { assert } from "#kit/assert.ts";
import type { Fleet, Turn } from "./fleet.ts";
import { holdAsk } from "./hold.ts";
import { indexKeys } from "./keys.ts";
import { grantLease } from "./lifecycle/claim.ts";
import { hold, letGo } from "./lifecycle/move.ts";
import { moveWorker } from "./lifecycle/presence.ts";
import { wait } from "./lifecycle/wait.ts";
import { type RecordChange, recordVersions } from "./record.ts";
import { createScheduler, seat } from "./scheduling/scheduler.ts";
import { addWorker } from "./step/enrol.ts";
import type { JournalledTask, Task, TaskLists, TaskSpec } from "./task.ts";
import { createTimers } from "./timers.ts";
import type { TokenRecord } from "./token.ts";
import { weightOf } from "./weight.ts";
import type { Worker, WorkerRecord } from "./worker.ts";

/** As a record holds it: without the lists that are as they were. */
type Changed = Omit<JournalledTask, keyof TaskLists> & Partial<TaskLists>;

/**
 * Takes records over as they are, the later ones winning. Values are owned by the fleet from then on. `resume` must
 * follow before `step`.
 *
 * @throws CoveyError `version_mismatch` for a record that a newer build has written.
 */
export function restore(fleet: Fleet, changes: readonly RecordChange[]): void {
	for (const change of changes) {
		const known = recordVersions[change.kind];
		if (known === undefined || change.version > known) throw newer(change, known);
		replay[change.kind](fleet, change.id, change.value);
	}
}

/**
 * After replay, or when a standby takes over: builds queues, indexes and timers anew. Sessions are gone. Every attempt
 * under way gets one full lease from `now`, in which its worker may come back and claim it.
 */
export function resume(fleet: Fleet, now: number): void {
	fleet.clock = now;
	fleet.specBytes = 0;
	fleet.scheduler = createScheduler();
	fleet.timers = createTimers();
	fleet.halves.clear();
	fleet.holds.clear();
	for (const index of Object.values(fleet.keys)) index.clear();
	const turn: Turn = { fleet, now, effects: [] };
	for (const worker of fleet.workers.values()) {
		Object.assign(worker, { status: "gone", session: undefined, pressure: undefined, slotsUsed: 0, timer: undefined });
		worker.held.clear();
		seat(fleet.scheduler, worker);
		if (!worker.record.revoked) moveWorker(turn, worker, "disconnected");
	}
	for (const task of fleet.tasks.values()) {
		Object.assign(task, { lease: undefined, ticket: undefined, timer: undefined });
		indexKeys(fleet.keys, task);
		fleet.specBytes += weightOf(task.spec.submission);
		if (!isEnded(task.status) && task.cancel === undefined) for (const ask of task.asks) holdAsk(fleet, task.spec.id, ask, now);
		if (task.status === "pending") {
			// A clock that was set back must not stretch the wait; a time that somebody named is that time on any clock.
			if (task.pendingSince > now) {
				if (task.waitUntil !== undefined && task.waitUntil !== task.spec.submission.notBefore) task.waitUntil -= task.pendingSince - now;
				task.pendingSince = now;
				fleet.changes.tasks.add(task.spec.id);
			}
			waitForLostWorker(turn, task);
			wait(turn, task);
		} else if (task.status === "needs_human") waitForLostWorker(turn, task);
		else if (task.status === "claimed" || task.status === "in_progress") {
			grantLease(turn, task, fleet.workers.get(task.attempts.at(-1)!.worker) as Worker, undefined);
		}
	}
}

/**
 * A revoked worker may still run the last attempt until its lease has ended. By which clock that was counted is not
 * known any more, so it gets one full lease from now, as every attempt under way does.
 */
function waitForLostWorker({ fleet, now }: Turn, task: Task): void {
	if (task.waitUntil === undefined || task.attempts.at(-1)?.report?.outcome !== "worker_lost") return;
	task.waitUntil = now + fleet.config.leaseTtlMs + fleet.config.leaseMarginMs;
	fleet.changes.tasks.add(task.spec.id);
}

const replay: Readonly<Record<RecordChange["kind"], (fleet: Fleet, id: string, value: unknown) => void>> = {
	meta(fleet, _id, value) {
		fleet.order = (value as { order: number }).order;
	},
	worker(fleet, id, value) {
		const record = value as WorkerRecord;
		const known = fleet.workers.get(id);
		if (known === undefined) addWorker(fleet, { ...record });
		else known.record = { ...record };
	},
	token(fleet, id, value) {
		fleet.tokens.set(id, { ...(value as TokenRecord) });
	},
	spec(fleet, id, value) {
		if (value === null) return drop(fleet, id);
		const half = fleet.halves.get(id);
		if (half !== undefined && "rest" in half) join(fleet, value as TaskSpec, half.rest);
		else if (!fleet.tasks.has(id)) fleet.halves.set(id, { spec: value as TaskSpec });
	},
	task(fleet, id, value) {
		if (value === null) return drop(fleet, id);
		const known: { readonly spec?: TaskSpec; readonly rest?: TaskLists } | undefined = fleet.halves.get(id);
		const task = fleet.tasks.get(id);
		const rest = complete(value as Changed, task ?? known?.rest);
		const spec = task?.spec ?? known?.spec;
		if (spec === undefined) fleet.halves.set(id, { rest });
		else join(fleet, spec, rest);
	},
	// Audit entries are for history; nothing here holds them.
	audit() {},
};

/** @throws AssertionError when what it builds upon is missing. */
function complete(changed: Changed, before: TaskLists | undefined): JournalledTask {
	const { asks = before?.asks, attempts = before?.attempts, placements = before?.placements } = changed;
	assert(asks !== undefined && attempts !== undefined && placements !== undefined, "the first record of a task is whole");
	return { ...changed, asks, attempts, placements };
}

function join(fleet: Fleet, spec: TaskSpec, rest: JournalledTask): void {
	drop(fleet, spec.id);
	hold(fleet, { ...rest, spec });
}

function drop(fleet: Fleet, id: string): void {
	fleet.halves.delete(id);
	const task = fleet.tasks.get(id);
	if (task !== undefined) letGo(fleet, task);
}

function newer({ kind, id, version }: RecordChange, known: number | undefined): CoveyError {
	return new CoveyError(
		"version_mismatch",
		known === undefined
			? `the journal holds a record of the unknown kind ${kind} (${id})`
			: `the journal holds ${kind} ${id} in version ${version}; this build reads up to ${known}`,
		{ hint: "start the version of Covey that wrote it, or a newer one" },
	);
}
