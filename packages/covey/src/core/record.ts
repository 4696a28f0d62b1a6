/**
 * What the journal holds: the new state of each changed record (of a task without what has not changed), never the command that changed it, so replay is
 * upserts and an upgrade never re-runs old logic. Each kind is versioned; a newer version than this build knows is
 * refused at start.
 */
export interface RecordChange {
	readonly kind: RecordKind;
	readonly id: string;
	/** Schema version of this kind. */
	readonly version: number;
	/** The record's new state; null: it is gone from memory. Audit entries are written once and never held. */
	readonly value: unknown;
}

/**
 * - `spec`: TaskSpec, written once. `task`: the rest of a Task, without those of its lists that are as the record before
 *   left them; null takes both away, when history has the ended task.
 * - `worker`: WorkerRecord. `token`: TokenRecord. `audit`: AuditRecord. `meta`: one record `fleet` with the last `order`.
 */
export type RecordKind = "spec" | "task" | "worker" | "token" | "audit" | "meta";

export const recordVersions: Readonly<Record<RecordKind, number>> = { spec: 1, task: 2, worker: 1, token: 1, audit: 1, meta: 1 };

export interface AuditRecord {
	readonly at: number;
	readonly actor: string;
	readonly action: string;
	readonly subject: string;
	readonly detail?: string;
}
