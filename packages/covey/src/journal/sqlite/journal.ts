import { stat } from "node:fs/promises";
import type { RecordChange } from "#core/record.ts";
import { acquireOwnerLock, type OwnerLock } from "#host/lock/owner-lock.ts";
import { Thread } from "#host/thread/thread.ts";
import { JournalError } from "#journal/journal-error.ts";
import { assert } from "#kit/assert.ts";
import { type Logger, silentLogger } from "#kit/logger.ts";
import type { AppendResult, Journal, JournalEntry } from "#ports/journal.ts";
import { reviveFailure, StoreFailure } from "./failure.ts";
import { toJournalError } from "./refusal.ts";
import type { StoredEntries } from "./store.ts";
import type { WriterData, WriterOpened, WriterOperations } from "./writer.ts";

type WriterThread = Thread<WriterOperations, WriterOpened>;

export interface SqliteJournalOptions {
	/** Where `journal.db` and its companions (`-wal`, `.lock`, `.owner.json`) live: a local disk, not NFS or SMB. */
	readonly file: string;
	/** The program of the journal's thread. Give it when the code is bundled: the bundler's output of `journal/sqlite/writer.ts`. */
	readonly workerUrl?: URL;
	readonly logger?: Logger;
}

/** The default journal, and what only it can do. */
export interface SqliteJournal extends Journal {
	/** Tells whoever tries to open the same journal where its owner answers. */
	announce(url: string): void;
}

/** Payload of one snapshot part, in characters. */
const partLength = 256 * 1024;

/**
 * Opens the journal, and makes it first if there is none.
 *
 * **An acknowledged append survives** the end of the process at any point, the crash of the system, and loss of power
 * as far as the disk keeps what it acknowledged as flushed (WAL with `synchronous=FULL`: one sync per append; on macOS
 * `F_FULLFSYNC`). It does not survive the loss of the disk. After an answer `unknown` nothing is appended any more.
 *
 * @throws CoveyError `conflict` when another process owns it (the message says which); JournalError `newer_format`,
 * `unsupported`, `corrupt`; CoveyError `store_full` when there is no space to make it.
 */
export async function openSqliteJournal(options: SqliteJournalOptions): Promise<SqliteJournal> {
	const { file } = options;
	const lock = acquireOwnerLock(file, `the journal ${file}`);
	const data: WriterData = { file };
	const url = options.workerUrl ?? new URL("./writer.ts", import.meta.url);
	const thread: WriterThread = new Thread({ url, name: "covey-journal", data, revive: reviveFailure });
	try {
		const opened = await thread.opened;
		return new ThreadedJournal(file, opened, thread, lock, options.logger ?? silentLogger);
	} catch (error) {
		await thread.exited();
		lock.release();
		throw toJournalError(error, file);
	}
}

class ThreadedJournal implements SqliteJournal {
	tail: number;
	readonly #file: string;
	readonly #thread: WriterThread;
	readonly #lock: OwnerLock;
	readonly #logger: Logger;
	#snapshotSequence: number;
	#storingSnapshot = false;
	#closing: Promise<void> | undefined;

	constructor(file: string, opened: WriterOpened, thread: WriterThread, lock: OwnerLock, logger: Logger) {
		this.#file = file;
		this.tail = opened.tail;
		this.#snapshotSequence = opened.snapshotSequence;
		this.#thread = thread;
		this.#lock = lock;
		this.#logger = logger;
	}

	announce(url: string): void {
		this.#lock.announce(url);
	}

	async *recover(): AsyncIterable<JournalEntry> {
		const head = await this.#call("snapshotHead");
		for (let number = 1; head && number <= head.parts; number++) {
			const payload = await this.#call("snapshotPart", { id: head.id, number });
			yield { sequence: head.sequence, snapshot: true, changes: this.#parse(payload, head.sequence) };
		}
		yield* this.read(head?.sequence ?? 0);
	}

	async append(expected: number, changes: readonly RecordChange[]): Promise<AppendResult> {
		if (this.#closing) throw this.#closedError();
		const text = JSON.stringify(changes);
		const answer = await this.#thread.call("append", { expected, text }).catch((cause: unknown) => ({ kind: "unknown", cause }) as const);
		switch (answer.kind) {
			case "stored":
				this.tail = expected + 1;
				return { kind: "stored", sequence: this.tail };
			case "unknown": {
				const cause = "cause" in answer ? answer.cause : new Error(answer.message);
				this.#logger.error("an append may or may not be on disk", { file: this.#file, expected, error: cause });
				return { kind: "unknown", cause };
			}
			default:
				return { kind: answer.kind };
		}
	}

	async *read(after: number): AsyncIterable<JournalEntry> {
		let from: number | undefined = after;
		while (from !== undefined) {
			const stored: StoredEntries = await this.#call("entries", from);
			for (const { sequence, payload } of stored.entries) yield { sequence, snapshot: false, changes: this.#parse(payload, sequence) };
			from = stored.next;
		}
	}

	async putSnapshot(sequence: number, records: Iterable<RecordChange>, signal: AbortSignal): Promise<void> {
		assert(!this.#storingSnapshot, "one snapshot is stored at a time");
		assert(sequence <= this.tail && sequence >= this.#snapshotSequence, `no snapshot can be put at ${sequence}`);
		this.#storingSnapshot = true;
		try {
			await this.#call("beginSnapshot", sequence);
			for (const part of parts(records)) {
				signal.throwIfAborted();
				await this.#call("addPart", part);
			}
			signal.throwIfAborted();
			await this.#call("finishSnapshot");
			this.#snapshotSequence = sequence;
		} catch (error) {
			await this.#call("abandonSnapshot").catch(() => {});
			throw error;
		} finally {
			this.#storingSnapshot = false;
		}
	}

	async truncate(sequence: number): Promise<void> {
		assert(sequence <= this.#snapshotSequence, `entries up to ${sequence} are not covered by the snapshot`);
		while (await this.#call("truncate", sequence));
	}

	async size(): Promise<{ entries: number; bytes: number; snapshotSequence: number }> {
		const { entries, bytes } = await this.#call("size");
		const { size: walBytes } = await stat(`${this.#file}-wal`).catch(() => ({ size: 0 }));
		return { entries, bytes: bytes + walBytes, snapshotSequence: this.#snapshotSequence };
	}

	close(): Promise<void> {
		this.#closing ??= this.#close();
		return this.#closing;
	}

	[Symbol.asyncDispose](): Promise<void> {
		return this.close();
	}

	async #close(): Promise<void> {
		await this.#thread.call("close").catch((error: unknown) => {
			this.#logger.warn("the journal did not close cleanly; the next start recovers it", { file: this.#file, error });
		});
		await this.#thread.exited();
		this.#lock.release();
	}

	#call: WriterThread["call"] = (name, ...argument) => {
		if (this.#closing) return Promise.reject(this.#closedError());
		return this.#thread.call(name, ...argument).catch((error: unknown) => {
			throw toJournalError(error, this.#file);
		});
	};

	#parse(payload: Uint8Array, sequence: number): readonly RecordChange[] {
		try {
			return JSON.parse(Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength).toString("utf8"));
		} catch (cause) {
			throw toJournalError(new StoreFailure("corrupt", "it is not JSON", { sequence, cause }), this.#file);
		}
	}

	#closedError(): JournalError {
		return new JournalError("closed", `the journal ${this.#file} is closed`);
	}
}

/** Records as JSON arrays of about `partLength`. */
function* parts(records: Iterable<RecordChange>): Iterable<string> {
	let part: string[] = [];
	let length = 0;
	for (const record of records) {
		const text = JSON.stringify(record);
		part.push(text);
		if ((length += text.length) < partLength) continue;
		yield `[${part.join(",")}]`;
		part = [];
		length = 0;
	}
	yield `[${part.join(",")}]`;
}
