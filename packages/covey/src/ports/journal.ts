import type { RecordChange } from "#core/record.ts";

/**
 * A compare-and-swap log of record changes: the only truth that outlives the process.
 *
 * Calls: `open` (by the adapter's factory) → `recover` → then `append`, one at a time, by the driver alone.
 * `putSnapshot` and `truncate` may run while an append is in flight; `read` and `recover` may run at any time, also
 * concurrently, and fail when what they read is dropped meanwhile.
 * `close` waits for what is in flight and is safe twice.
 */
export interface Journal extends AsyncDisposable {
	/** Sequence of the last durable entry; 0 for an empty journal. */
	readonly tail: number;

	/** The newest snapshot's records, if there is one, then every later entry, in order. */
	recover(): AsyncIterable<JournalEntry>;

	/**
	 * Makes `changes` durable as one entry, all or nothing, if the tail is still `expected`.
	 * - `stored`: on disk, survives power loss (as far as the adapter's documentation promises).
	 * - `conflict`: another owner has appended. Nothing was stored. The caller must stop at once.
	 * - `full`: no space. Nothing was stored, the journal still reads, and the same append may be tried again later.
	 * - `unknown`: nobody knows. The caller must answer nobody, end its process and recover.
	 */
	append(expected: number, changes: readonly RecordChange[]): Promise<AppendResult>;

	/** Entries with `sequence > after`, in order, as far as they are not truncated. @throws JournalError `truncated` when `after` lies before the oldest. */
	read(after: number): AsyncIterable<JournalEntry>;

	/**
	 * Stores the state after entry `sequence`. `records` is consumed at the adapter's pace. An older snapshot stays
	 * until the new one is durable. An abort leaves the old one.
	 */
	putSnapshot(sequence: number, records: Iterable<RecordChange>, signal: AbortSignal): Promise<void>;

	/** Drops entries up to and including `sequence`, which must not lie beyond the snapshot. */
	truncate(sequence: number): Promise<void>;

	/** Bytes on disk, for metrics and `covey doctor`. */
	size(): Promise<{ entries: number; bytes: number; snapshotSequence: number }>;

	close(): Promise<void>;
}

export interface JournalEntry {
	readonly sequence: number;
	/** A snapshot comes as one or more entries with `snapshot: true` and the same sequence. */
	readonly snapshot: boolean;
	readonly changes: readonly RecordChange[];
}

export type AppendResult =
	| { readonly kind: "stored"; readonly sequence: number }
	| { readonly kind: "conflict" }
	| { readonly kind: "full" }
	| { readonly kind: "unknown"; readonly cause: unknown };
