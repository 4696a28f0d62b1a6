import { copyFileSync, existsSync, renameSync, rmSync } from "node:fs";
import { dirname } from "node:path";
import { DatabaseSync, type StatementSync } from "node:sqlite";
import { CoveyError } from "@covey/protocol";
import { acquireOwnerLock } from "#host/lock/owner-lock.ts";
import { syncDirectory } from "#host/lock/sync-directory.ts";
import { chainStart } from "./chain.ts";
import { failureOf, StoreFailure } from "./failure.ts";
import { openDatabase } from "./schema.ts";
import { type SnapshotHead, Snapshots } from "./snapshots.ts";
import { walkEntries } from "./store.ts";

export interface SalvageReport {
	/** Sequence of the last entry that was saved; 0 when nothing was. */
	readonly tail: number;
	/** Entries saved, not counting those within the snapshot. */
	readonly entries: number;
	/** 0 without one. */
	readonly snapshotSequence: number;
	/** The last sequence that the damaged journal still names; undefined when even that is unreadable. */
	readonly lastSeen: number | undefined;
	/** What was lost and why, a sentence each. Empty when all was whole. */
	readonly lost: readonly string[];
}

/**
 * Copies the longest provable beginning of a damaged journal into a new one: its snapshot, if that is whole, and the
 * entries after it up to the first that is damaged. The old file is only read. Nobody may be using it.
 *
 * @throws CoveyError `conflict` when `into` exists or the journal is in use, `not_found` without a journal.
 */
export function salvageJournal(options: { readonly file: string; readonly into: string }): SalvageReport {
	const { file, into } = options;
	if (!existsSync(file)) throw new CoveyError("not_found", `there is no journal ${file}`);
	if (existsSync(into)) throw new CoveyError("conflict", `${into} exists already`, { hint: "name a file that does not" });
	using _lock = acquireOwnerLock(file, `the journal ${file}`);
	using drafts = new DisposableStack();
	const draft = (name: string) => {
		const path = `${into}.${name}`;
		const remove = () => {
			for (const suffix of ["", "-wal", "-journal", ".new"]) rmSync(path + suffix, { force: true });
		};
		remove();
		drafts.defer(remove);
		return path;
	};

	const source = draft("source");
	copyFileSync(file, source);
	if (existsSync(`${file}-wal`)) copyFileSync(`${file}-wal`, `${source}-wal`);
	const target = draft("draft");
	const report = copyWhole(source, target);
	renameSync(target, into);
	syncDirectory(dirname(into));
	return report;
}

function copyWhole(source: string, target: string): SalvageReport {
	const lost: string[] = [];
	const attempt = <T>(what: string, read: () => T): T | undefined => {
		try {
			return read();
		} catch (error) {
			const { message, sequence } = failureOf(error);
			lost.push(`${what}${sequence === undefined ? "" : ` (entry ${sequence})`}: ${message}`);
			return undefined;
		}
	};
	const to = openDatabase(target);
	const from = new DatabaseSync(source);
	try {
		const snapshot = attempt("the snapshot", () => copySnapshot(from, to));
		const start = snapshot ?? attempt("the entries", () => firstEntry(from));
		let tail = snapshot?.sequence ?? 0;
		let entries = 0;
		to.exec("BEGIN");
		attempt("the entries after those saved", () => {
			if (!start) return;
			const insert = to.prepare("INSERT INTO entry VALUES (?, ?, ?)");
			for (const { sequence, payload, link } of walkEntries(from, start.sequence, start.link)) {
				insert.run(sequence, payload, link);
				tail = sequence;
				entries++;
			}
		});
		to.exec("COMMIT");
		const lastSeen = attempt(
			"the last sequence",
			() => (from.prepare("SELECT max(sequence) AS last FROM entry").get() as { last: number }).last,
		);
		return { tail, entries, snapshotSequence: snapshot?.sequence ?? 0, lastSeen, lost };
	} finally {
		from.close();
		to.close();
	}
}

/** All parts or nothing. The new log's anchor becomes the entry that the snapshot stands for. */
function copySnapshot(from: DatabaseSync, to: DatabaseSync): SnapshotHead | undefined {
	const never = () => {
		throw new StoreFailure("failed", "a salvage only reads");
	};
	const snapshots = new Snapshots(from, { anchor: never, linkOf: never, wrote: never });
	const head = snapshots.sealed();
	if (!head) return undefined;
	to.exec("BEGIN");
	try {
		for (let number = 1; number <= head.parts; number++) snapshots.part(head.id, number);
		copyRows(from, to, "part", "snapshot = ?", head.id);
		copyRows(from, to, "snapshot", "id = ?", head.id);
		to.prepare("UPDATE entry SET sequence = ?, link = ?").run(head.sequence, head.link);
		to.exec("COMMIT");
		return head;
	} catch (error) {
		to.exec("ROLLBACK");
		throw error;
	}
}

function copyRows(from: DatabaseSync, to: DatabaseSync, table: "part" | "snapshot", where: string, id: number): void {
	let insert: StatementSync | undefined;
	for (const row of from.prepare(`SELECT * FROM ${table} WHERE ${where}`).iterate(id)) {
		const values = Object.values(row);
		insert ??= to.prepare(`INSERT INTO ${table} VALUES (${values.map(() => "?").join(", ")})`);
		insert.run(...values);
	}
}

/** Without a snapshot only a log that was never truncated can be read from its start. */
function firstEntry(from: DatabaseSync): { sequence: number; link: Uint8Array } {
	const { first } = from.prepare("SELECT min(sequence) AS first FROM entry").get() as { first: number | null };
	if (first !== 0 && first !== 1) throw new StoreFailure("corrupt", `entries up to ${first} were dropped, and nothing else holds them`);
	return { sequence: 0, link: chainStart };
}
