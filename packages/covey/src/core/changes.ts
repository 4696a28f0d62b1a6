import type { Fleet } from "./fleet.ts";
import { type AuditRecord, type RecordChange, type RecordKind, recordVersions } from "./record.ts";
import type { JournalledTask, Task, TaskLists } from "./task.ts";
import type { Worker } from "./worker.ts";

/** What changed since the journal was last told, each record named once however often it changed. */
export interface Changes {
	order: boolean;
	readonly specs: Set<string>;
	readonly tasks: Set<string>;
	readonly workers: Set<string>;
	readonly tokens: Set<string>;
	readonly audit: RecordChange[];
}

export function createChanges(): Changes {
	return { order: false, specs: new Set(), tasks: new Set(), workers: new Set(), tokens: new Set(), audit: [] };
}

/** The records changed since the last call, ready for the journal: copies that no later step touches. */
export function takeChanges(fleet: Fleet): RecordChange[] {
	const { changes } = fleet;
	const taken: RecordChange[] = [];
	if (changes.order) taken.push(metaChange(fleet));
	for (const id of changes.tasks) {
		const task = fleet.tasks.get(id);
		if (task === undefined) taken.push(change("task", id, null));
		else {
			if (changes.specs.has(id)) taken.push(change("spec", id, task.spec));
			taken.push(taskChange(task, task.written));
			task.written = { asks: task.asks, attempts: task.attempts, placements: task.placements };
		}
	}
	for (const name of changes.workers) taken.push(workerChange(fleet.workers.get(name) as Worker));
	for (const id of changes.tokens) taken.push(change("token", id, { ...fleet.tokens.get(id) }));
	taken.push(...changes.audit.splice(0));
	changes.order = false;
	for (const names of [changes.specs, changes.tasks, changes.workers, changes.tokens]) names.clear();
	return taken;
}

/** Every live record, for a snapshot of the journal. Read it before the next step, or it mixes two moments. */
export function* records(fleet: Fleet): Generator<RecordChange> {
	yield metaChange(fleet);
	for (const worker of fleet.workers.values()) yield workerChange(worker);
	for (const token of fleet.tokens.values()) yield change("token", token.id, { ...token });
	for (const task of fleet.tasks.values()) {
		yield change("spec", task.spec.id, task.spec);
		yield taskChange(task, undefined);
	}
}

/** The next number of the fleet, by which tasks and audit entries are ordered, whatever the clock says. */
export function nextOrder(fleet: Fleet): number {
	fleet.changes.order = true;
	return ++fleet.order;
}

/** An audit entry for the journal. */
export function noteAudit(fleet: Fleet, record: AuditRecord): void {
	fleet.changes.audit.push(change("audit", String(nextOrder(fleet)), record));
}

function metaChange(fleet: Fleet): RecordChange {
	return change("meta", "fleet", { order: fleet.order });
}

function workerChange(worker: Worker): RecordChange {
	return change("worker", worker.record.name, { ...worker.record });
}

/** What is undefined is not written. */
function taskChange(task: Task, written: TaskLists | undefined): RecordChange {
	const { status, updatedAt, endedAt, outcome, exitCode, message, raisedTo, attempt, cancel, waitUntil, pendingSince, order } = task;
	const value = {
		status,
		updatedAt,
		endedAt,
		outcome,
		exitCode,
		message,
		raisedTo,
		attempt,
		cancel,
		waitUntil,
		pendingSince,
		order,
		asks: written?.asks === task.asks ? undefined : task.asks,
		attempts: written?.attempts === task.attempts ? undefined : task.attempts,
		placements: written?.placements === task.placements ? undefined : task.placements,
	} satisfies { readonly [K in keyof Required<JournalledTask>]: JournalledTask[K] | undefined };
	return change("task", task.spec.id, value);
}

function change(kind: RecordKind, id: string, value: unknown): RecordChange {
	return { kind, id, version: recordVersions[kind], value };
}
