import type { DatabaseSync, StatementSync } from "node:sqlite";
import { link } from "./chain.ts";
import { StoreFailure } from "./failure.ts";
import type { Store } from "./store.ts";

export interface SnapshotHead {
	readonly id: number;
	readonly sequence: number;
	readonly parts: number;
	/** The link of entry `sequence`. */
	readonly link: Uint8Array;
}

interface SnapshotRow extends SnapshotHead {
	readonly seal: Uint8Array;
}

interface PartRow {
	readonly payload: Uint8Array;
	readonly link: Uint8Array;
}

type Log = Pick<Store, "anchor" | "linkOf" | "wrote">;

const nothing = new Uint8Array(0);
/** Parts dropped in one transaction, of about 256 KiB each. */
const dropPartsMax = 8;

/**
 * Saved states of the live records, in parts. A snapshot begins, takes parts, and exists once `finish` has sealed it,
 * in one transaction that also drops the older one. Its parts are chained to the entry it stands for: a part that is
 * changed, missing or of another snapshot is found when it is read.
 */
export class Snapshots {
	readonly #database: DatabaseSync;
	readonly #store: Log;
	readonly #addPart: StatementSync;
	readonly #part: StatementSync;
	/** Parts of replaced or unfinished snapshots may be there: at first nobody knows. */
	#leftovers = true;
	#draft: { readonly id: number; readonly sequence: number; readonly base: Uint8Array; last: Uint8Array; parts: number } | undefined;

	constructor(database: DatabaseSync, store: Log) {
		this.#database = database;
		this.#store = store;
		this.#addPart = database.prepare("INSERT INTO part VALUES (?, ?, ?, ?)");
		this.#part = database.prepare("SELECT payload, link FROM part WHERE snapshot = ? AND number = ?");
	}

	/** The finished snapshot. @throws StoreFailure `corrupt` when it does not belong to this log, or is missing from a truncated one. */
	head(): SnapshotHead | undefined {
		const head = this.sealed();
		const anchor = this.#store.anchor();
		if (!head && anchor > 0)
			throw new StoreFailure("corrupt", `entries up to ${anchor} were dropped, but there is no snapshot`, { sequence: anchor });
		const entry = head && this.#store.linkOf(head.sequence);
		if (head && (!entry || Buffer.compare(entry, head.link) !== 0))
			throw new StoreFailure("corrupt", "the snapshot does not belong to this log", { sequence: head.sequence });
		return head;
	}

	/** The finished snapshot, judged by its own seal alone. @throws StoreFailure `corrupt`. */
	sealed(): SnapshotHead | undefined {
		const row = this.#newest();
		if (!row) return undefined;
		const { id, sequence, parts, link: base, seal } = row;
		const last = parts === 0 ? startOf(base, sequence) : this.#row(row, parts).link;
		if (Buffer.compare(sealOf(last, parts), seal) !== 0) throw new StoreFailure("corrupt", "the snapshot's seal is broken", { sequence });
		return { id, sequence, parts, link: base };
	}

	/** One part of the finished snapshot, numbered from 1. @throws StoreFailure `corrupt`. */
	part(id: number, number: number): Uint8Array {
		const head = this.#newest();
		if (head?.id !== id) throw new StoreFailure("truncated", "the snapshot has been replaced");
		const row = this.#row(head, number);
		const previous = number === 1 ? startOf(head.link, head.sequence) : this.#row(head, number - 1).link;
		if (Buffer.compare(link(previous, number, row.payload), row.link) !== 0)
			throw new StoreFailure("corrupt", `the checksum of part ${number} of the snapshot does not match`, { sequence: head.sequence });
		return row.payload;
	}

	/** Forgets any unfinished one. @throws StoreFailure `truncated` when the entry is not in the log. */
	begin(sequence: number): void {
		const base = this.#store.linkOf(sequence);
		if (!base) throw new StoreFailure("truncated", `entry ${sequence} is not in the log`, { sequence });
		const { id } = this.#database
			.prepare("SELECT max((SELECT coalesce(max(id), 0) FROM snapshot), (SELECT coalesce(max(snapshot), 0) FROM part)) + 1 AS id")
			.get() as { id: number };
		this.#draft = { id, sequence, base, last: startOf(base, sequence), parts: 0 };
	}

	add(text: string): void {
		const draft = this.#draft!;
		const payload = Buffer.from(text);
		const next = link(draft.last, draft.parts + 1, payload);
		this.#addPart.run(draft.id, draft.parts + 1, payload, next);
		draft.last = next;
		draft.parts++;
		this.#store.wrote(payload.length + 8192);
	}

	finish(): void {
		const { id, sequence, base, last, parts } = this.#draft!;
		this.#database.exec("BEGIN IMMEDIATE");
		try {
			this.#database.prepare("INSERT INTO snapshot VALUES (?, ?, ?, ?, ?)").run(id, sequence, base, parts, sealOf(last, parts));
			this.#database.prepare("DELETE FROM snapshot WHERE id <> ?").run(id);
			this.#database.exec("COMMIT");
		} catch (error) {
			if (this.#database.isTransaction) this.#database.exec("ROLLBACK");
			throw error;
		} finally {
			this.abandon();
		}
	}

	abandon(): void {
		this.#draft = undefined;
		this.#leftovers = true;
	}

	/** Drops some parts that belong to no snapshot. @returns whether there may be more. */
	tidy(): boolean {
		if (!this.#leftovers) return false;
		const keep = this.#database.prepare("SELECT id FROM snapshot").get() as { id: number } | undefined;
		const { changes } = this.#database
			.prepare("DELETE FROM part WHERE rowid IN (SELECT rowid FROM part WHERE snapshot <> ? AND snapshot <> ? LIMIT ?)")
			.run(keep?.id ?? 0, this.#draft?.id ?? 0, dropPartsMax);
		this.#store.wrote(Number(changes) * 8192);
		this.#leftovers = changes === dropPartsMax;
		return this.#leftovers;
	}

	#newest(): SnapshotRow | undefined {
		return this.#database.prepare("SELECT * FROM snapshot ORDER BY id DESC LIMIT 1").get() as SnapshotRow | undefined;
	}

	#row(head: SnapshotHead, number: number): PartRow {
		const row = this.#part.get(head.id, number) as PartRow | undefined;
		if (!row) throw new StoreFailure("corrupt", `part ${number} of the snapshot is missing`, { sequence: head.sequence });
		return row;
	}
}

/** What the first part is chained to. */
function startOf(base: Uint8Array, sequence: number): Uint8Array {
	return link(base, sequence, nothing);
}

function sealOf(last: Uint8Array, parts: number): Uint8Array {
	return link(last, parts, nothing);
}
