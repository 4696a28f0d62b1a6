import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { dirname } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { CoveyError } from "@covey/protocol";

/** Who owns what a lock protects; what a second one is told. */
export interface Owner {
	readonly pid: number;
	readonly host: string;
	/** Milliseconds since 1970. */
	readonly since: number;
	/** Where it answers, once it does. */
	readonly url?: string;
}

export interface OwnerLock extends Disposable {
	readonly owner: Owner;
	/** Says where the owner answers from now on. */
	announce(url: string): void;
	/** Safe twice. */
	release(): void;
}

/**
 * Makes this process the only owner of `path` until it releases or ends, however it ends.
 *
 * Two files beside it: `<path>.lock`, always empty, on which SQLite holds a lock of the operating system (Node has no
 * `flock`), so that the kernel ends it with the process: no stale lock, no pid to guess about, no race between two
 * starts. And `<path>.owner.json`, which only tells people who holds it, and is never believed.
 *
 * @param what names the thing in the error, as in "the journal /x/journal.db".
 * @throws CoveyError `conflict` when another process, or this one, owns it; the message has its pid, host, start and url.
 */
export function acquireOwnerLock(path: string, what: string): OwnerLock {
	mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
	const lock = lockFile(`${path}.lock`);
	const note = `${path}.owner.json`;
	if (!lock) throw inUse(what, readOwner(note));
	let owner: Owner = { pid: process.pid, host: hostname(), since: Date.now() };
	writeOwner(note, owner);
	return {
		get owner() {
			return owner;
		},
		announce(url) {
			owner = { ...owner, url };
			writeOwner(note, owner);
		},
		release() {
			if (!lock.isOpen) return;
			rmSync(note, { force: true });
			lock.close();
		},
		[Symbol.dispose]() {
			this.release();
		},
	};
}

/** The owner that was last noted, whether it still runs or not. Undefined when there was none, or its note is unreadable. */
export function readOwner(note: string): Owner | undefined {
	try {
		const { pid, host, since, url } = JSON.parse(readFileSync(note, "utf8"));
		if (typeof pid !== "number" || typeof host !== "string" || typeof since !== "number") return undefined;
		return { pid, host, since, ...(typeof url === "string" && { url }) };
	} catch {
		return undefined;
	}
}

/** An open transaction keeps the lock; nothing is ever written, so it also works on a full disk. */
function lockFile(path: string): DatabaseSync | undefined {
	const database = new DatabaseSync(path, { timeout: 0 });
	try {
		database.exec("PRAGMA journal_mode = MEMORY; BEGIN IMMEDIATE");
		return database;
	} catch (error) {
		database.close();
		const sqliteBusy = 5;
		if (((error as { errcode?: number }).errcode ?? 0) % 256 === sqliteBusy) return undefined;
		throw error;
	}
}

/** The note is a courtesy: a full disk must not keep the owner from starting. */
function writeOwner(note: string, owner: Owner): void {
	try {
		const draft = `${note}.${process.pid}`;
		writeFileSync(draft, `${JSON.stringify(owner)}\n`, { mode: 0o600 });
		renameSync(draft, note);
	} catch {}
}

function inUse(what: string, owner: Owner | undefined): CoveyError {
	const who = owner
		? `process ${owner.pid} on ${owner.host}, since ${new Date(owner.since).toISOString()}${owner.url ? `, at ${owner.url}` : ""}`
		: "another process";
	return new CoveyError("conflict", `${what} is in use by ${who}`, {
		hint: owner ? `use the one that runs, or stop it first: kill ${owner.pid}` : "use the one that runs, or stop it first",
		...(owner && { details: { ...owner } }),
	});
}
