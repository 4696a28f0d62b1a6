import type { AuditEvent, TaskView } from "@covey/protocol";

/**
 * The rebuildable query database of what has ended: fed from the journal, in order, by the coordinator alone.
 * `apply` is idempotent: entries up to `appliedSequence` are ignored, so a crash between journal and history heals.
 */
export interface History extends AsyncDisposable {
	/** The journal sequence up to which everything is durably here. */
	readonly appliedSequence: number;
	/** One transaction: ended tasks, audit entries and the sequence. */
	apply(batch: HistoryBatch): Promise<void>;
	get(task: string): Promise<TaskView | undefined>;
	findByDedupKey(namespace: string, key: string, since: number): Promise<TaskView | undefined>;
	list(query: HistoryQuery): Promise<Page<TaskView>>;
	/** By id, which is in the order of submission, the newest first: those before the id `before`. */
	byId(query: { readonly limit: number; readonly before?: string }): Promise<readonly TaskView[]>;
	audit(query: { readonly limit: number; readonly cursor?: string }): Promise<AuditPage>;
	counts(): Promise<{ readonly byOutcome: Readonly<Record<string, number>> }>;
	/** Empties it; the caller then applies the journal again from its start. What the journal no longer holds is kept. */
	reset(): Promise<void>;
	/**
	 * Drops the oldest tasks beyond `rowsMax`, and tasks and audit entries older than `ageMaxMs`, a few at a time.
	 * @returns how many tasks were dropped.
	 */
	trim(limits: { readonly rowsMax: number; readonly ageMaxMs: number; readonly now: number }): Promise<number>;
	close(): Promise<void>;
}

export interface HistoryBatch {
	readonly sequence: number;
	readonly tasks: readonly TaskView[];
	readonly audit: readonly AuditEvent[];
}

export interface HistoryQuery {
	readonly limit: number;
	/** Opaque; from the page before. */
	readonly cursor?: string;
	readonly status?: readonly string[];
	readonly worker?: string;
	/** Absent: all namespaces. */
	readonly namespaces?: readonly string[];
	readonly submitter?: string;
	readonly type?: string;
	readonly outcome?: string;
	/** Every word must occur in the title, command or message. */
	readonly text?: string;
	readonly since?: number;
}

export interface AuditPage extends Page<AuditEvent> {
	/** For each item the cursor of what comes after it. */
	readonly cursors: readonly string[];
}

/** Newest first. */
export interface Page<T> {
	readonly items: readonly T[];
	readonly next?: string;
}
