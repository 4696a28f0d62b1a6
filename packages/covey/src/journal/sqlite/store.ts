import type { DatabaseSync, StatementSync } from "node:sqlite";
import { link } from "./chain.ts";
import { failureOf, StoreFailure } from "./failure.ts";
import { pragma } from "./schema.ts";

/** What `append` found out; see the port. */
export type StoreAppend = { readonly kind: "stored" | "conflict" | "full" } | { readonly kind: "unknown"; readonly message: string };

/** A verified piece of the log. `next` is what to read after; undefined when this was the end. */
export interface StoredEntries {
	readonly entries: readonly StoredEntry[];
	readonly next: number | undefined;
}

export interface StoredEntry {
	readonly sequence: number;
	readonly payload: Uint8Array;
}

/** Bytes of payload in one answer of `entries`. */
const readBytesMax = 1024 * 1024;
/** Rows dropped in one transaction, so that an append never waits long behind one. */
const dropEntriesMax = 256;
/** Free pages that are kept for the entries to come: taking new ones from the file system costs more. 64 MiB. */
const freePagesMax = 16 * 1024;
/** Written since the last checkpoint: worth one when idle, and time for one in any case. */
export const checkpointBytes = { idle: 1024 * 1024, always: 4 * 1024 * 1024 };

export interface EntryRow extends StoredEntry {
	readonly link: Uint8Array;
}

/** The log on an open database: synchronous, one caller, verified on every read. Runs in the journal's thread. */
export class Store {
	#tail: number;
	#tailLink: Uint8Array;
	/** Set by an error of which nobody knows what it left on disk. A sync is never tried again: it may lie the second time. */
	#broken: string | undefined;
	#bytesSinceCheckpoint = 0;
	readonly #database: DatabaseSync;
	readonly #append: StatementSync;
	readonly #linkOf: StatementSync;

	constructor(database: DatabaseSync) {
		this.#database = database;
		this.#append = database.prepare("INSERT INTO entry SELECT ?, ?, ? WHERE (SELECT max(sequence) FROM entry) = ?");
		this.#linkOf = database.prepare("SELECT link FROM entry WHERE sequence = ?");
		const last = database.prepare("SELECT sequence, link FROM entry ORDER BY sequence DESC LIMIT 1").get() as EntryRow | undefined;
		if (!last) throw new StoreFailure("corrupt", "it has no entry to start from");
		this.#tail = last.sequence;
		this.#tailLink = last.link;
	}

	get tail(): number {
		return this.#tail;
	}

	/** The expected tail is compared again inside the transaction, where nobody can come between. */
	append(expected: number, text: string): StoreAppend {
		if (this.#broken !== undefined) return { kind: "unknown", message: this.#broken };
		if (expected !== this.#tail) return { kind: "conflict" };
		const payload = Buffer.from(text);
		const next = link(this.#tailLink, expected + 1, payload);
		try {
			const { changes } = this.#append.run(expected + 1, payload, next, expected);
			if (changes === 0) return { kind: "conflict" };
		} catch (error) {
			const { reason, message } = failureOf(error);
			if (reason === "full" && !this.#database.isTransaction) {
				// A checkpoint lets the write-ahead log start again from its beginning, which may be space enough.
				this.#bytesSinceCheckpoint = checkpointBytes.always;
				return { kind: "full" };
			}
			this.#broken = message;
			return { kind: "unknown", message };
		}
		this.#tail = expected + 1;
		this.#tailLink = next;
		this.#bytesSinceCheckpoint += payload.length + 8192;
		return { kind: "stored" };
	}

	/** The sequence that everything was truncated up to. */
	anchor(): number {
		return (this.#database.prepare("SELECT min(sequence) AS sequence FROM entry").get() as unknown as EntryRow).sequence;
	}

	/** Entries after `after`, as many as fit one answer. @throws StoreFailure `truncated` when `after` lies before the anchor, `corrupt`. */
	entries(after: number): StoredEntries {
		if (after >= this.#tail) return { entries: [], next: undefined };
		const base = this.linkOf(after);
		if (!base) throw this.#missing(after);
		const entries: StoredEntry[] = [];
		let bytes = 0;
		for (const { sequence, payload } of walkEntries(this.#database, after, base)) {
			entries.push({ sequence, payload });
			if ((bytes += payload.length) >= readBytesMax) break;
		}
		const last = entries.at(-1)?.sequence;
		if (last === undefined) throw this.#missing(after + 1);
		return { entries, next: last < this.#tail ? last : undefined };
	}

	/** Drops some of the entries before `sequence`, which becomes the anchor. @returns whether there is more to drop. */
	truncate(sequence: number): boolean {
		const upTo = Math.min(sequence, this.anchor() + dropEntriesMax);
		this.#database.prepare("DELETE FROM entry WHERE sequence < ?").run(upTo);
		this.wrote(dropEntriesMax * 64);
		return upTo < sequence;
	}

	/** The link of an entry, also of the anchor. */
	linkOf(sequence: number): Uint8Array | undefined {
		return (this.#linkOf.get(sequence) as EntryRow | undefined)?.link;
	}

	bytes(): number {
		return (pragma(this.#database, "page_count") as number) * (pragma(this.#database, "page_size") as number);
	}

	/** Another part of the store wrote about so much. */
	wrote(bytes: number): void {
		this.#bytesSinceCheckpoint += bytes;
	}

	/** Whether a checkpoint is due: `always`, or only worth it when `idle`. */
	checkpointDue(when: keyof typeof checkpointBytes): boolean {
		return this.#bytesSinceCheckpoint >= checkpointBytes[when];
	}

	/** Moves the write-ahead log into the database. */
	checkpoint(): void {
		this.#bytesSinceCheckpoint = 0;
		this.#database.exec("PRAGMA wal_checkpoint(PASSIVE)");
	}

	/**
	 * Runs anything that writes, other than an append. A full disk is the caller's matter; after any other error of SQLite
	 * nothing is appended any more: a later sync may succeed over pages that an earlier one lost.
	 */
	guard<T>(write: () => T): T {
		try {
			return write();
		} catch (error) {
			const { reason, message } = failureOf(error);
			if (!(error instanceof StoreFailure) && reason !== "full") this.#broken ??= message;
			throw error;
		}
	}

	/** Runs housekeeping, whose failure nobody waits for: a full disk puts it off, anything else shows at the next append. */
	keepHouse<T>(work: () => T): T | undefined {
		if (this.#broken !== undefined || !this.#database.isOpen) return undefined;
		try {
			return this.guard(work);
		} catch {
			return undefined;
		}
	}

	/** Gives some free pages back to the system when they are many. @returns whether there are more. */
	shrink(): boolean {
		const worthIt = () =>
			(pragma(this.#database, "freelist_count") as number) > Math.max(freePagesMax, (pragma(this.#database, "page_count") as number) / 2);
		if (!worthIt()) return false;
		this.#database.exec("PRAGMA incremental_vacuum(256)");
		this.wrote(256 * 4096);
		return worthIt();
	}

	close(): void {
		if (this.#database.isOpen) this.#database.close();
	}

	#missing(sequence: number): StoreFailure {
		const anchor = this.anchor();
		if (sequence < anchor) return new StoreFailure("truncated", `the journal starts after ${anchor}`, { sequence: anchor });
		return new StoreFailure("corrupt", "the entry is missing", { sequence });
	}
}

/** The entries after `after`, whose link is `base`, each proved by its own. @throws StoreFailure `corrupt` at the first that is not. */
export function* walkEntries(database: DatabaseSync, after: number, base: Uint8Array): Iterable<EntryRow> {
	const rows = database.prepare("SELECT sequence, payload, link FROM entry WHERE sequence > ? ORDER BY sequence").iterate(after);
	let sequence = after;
	let previous = base;
	for (const row of rows as Iterable<unknown> as Iterable<EntryRow>) {
		if (row.sequence !== ++sequence) throw new StoreFailure("corrupt", "the entry is missing", { sequence });
		previous = link(previous, sequence, row.payload);
		if (Buffer.compare(previous, row.link) !== 0) throw new StoreFailure("corrupt", "its checksum does not match", { sequence });
		yield row;
	}
}
