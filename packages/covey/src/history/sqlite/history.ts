import { mkdir } from "node:fs/promises";
import { dirname } from "node:path";
import { type AuditEvent, CoveyError, type TaskView } from "@covey/protocol";
import { Thread } from "#host/thread/thread.ts";
import { type Logger, silentLogger } from "#kit/logger.ts";
import type { AuditPage, History, HistoryBatch, HistoryQuery, Page } from "#ports/history.ts";
import type { KeeperData, KeeperOpened, KeeperOperations } from "./keeper.ts";

export interface SqliteHistoryOptions {
	/** Where `history.db` lives; its owner is whoever owns the journal. */
	readonly file: string;
	/** The program of the history's thread. Give it when the code is bundled: the bundler's output of `history/sqlite/keeper.ts`. */
	readonly workerUrl?: URL;
	readonly logger?: Logger;
}

/**
 * Opens the query database, and makes, rebuilds or replaces it where needed (the log says which).
 *
 * **What `apply` has acknowledged survives** the end of the process and loss of power (WAL, a sync per commit). Commits are
 * gathered, so an `apply` takes up to some 25 ms; send the next without waiting. Everything runs in a thread: the caller
 * only pays for the JSON.
 */
export async function openSqliteHistory(options: SqliteHistoryOptions): Promise<History> {
	await mkdir(dirname(options.file), { recursive: true, mode: 0o700 });
	const data: KeeperData = { file: options.file };
	const url = options.workerUrl ?? new URL("./keeper.ts", import.meta.url);
	const thread: KeeperThread = new Thread({ url, name: "covey-history", data, revive: (failure) => revive(failure, options.file) });
	const { appliedSequence, note } = await thread.opened;
	if (note) (options.logger ?? silentLogger).warn(note);
	return new ThreadedHistory(thread, appliedSequence);
}

type KeeperThread = Thread<KeeperOperations, KeeperOpened>;

class ThreadedHistory implements History {
	appliedSequence: number;
	readonly #thread: KeeperThread;
	#closing: Promise<void> | undefined;

	constructor(thread: KeeperThread, appliedSequence: number) {
		this.#thread = thread;
		this.appliedSequence = appliedSequence;
	}

	async apply({ sequence, tasks, audit }: HistoryBatch): Promise<void> {
		await this.#call("apply", {
			sequence,
			tasks: tasks.map((task) => JSON.stringify(task)),
			audit: audit.map((event) => ({ at: event.at, body: JSON.stringify(event) })),
		});
		this.appliedSequence = Math.max(this.appliedSequence, sequence);
	}

	async get(task: string): Promise<TaskView | undefined> {
		return parse(await this.#call("get", task));
	}

	async findByDedupKey(namespace: string, key: string, since: number): Promise<TaskView | undefined> {
		return parse(await this.#call("findByDedupKey", { namespace, key, since }));
	}

	async list({ cursor, ...query }: HistoryQuery): Promise<Page<TaskView>> {
		const [before] = cursor === undefined ? [] : decodeCursor(cursor, 1);
		const rows = await this.#call("list", { ...query, limit: query.limit + 1, ...(before !== undefined && { before }) });
		return page<TaskView, (typeof rows)[number]>(rows, query.limit, (row) => [row.position]);
	}

	async byId(query: { readonly limit: number; readonly before?: string }): Promise<readonly TaskView[]> {
		return (await this.#call("byId", query)).map((body) => JSON.parse(body) as TaskView);
	}

	async audit({ limit, cursor }: { readonly limit: number; readonly cursor?: string }): Promise<AuditPage> {
		const before = cursor === undefined ? undefined : (decodeCursor(cursor, 2) as [number, number]);
		const rows = await this.#call("audit", { limit: limit + 1, ...(before && { before }) });
		const keyOf = (row: (typeof rows)[number]) => [row.sequence, row.ordinal];
		const cursors = rows.slice(0, limit).map((row) => encodeCursor(keyOf(row)));
		return { ...page<AuditEvent, (typeof rows)[number]>(rows, limit, keyOf), cursors };
	}

	async counts(): Promise<{ readonly byOutcome: Readonly<Record<string, number>> }> {
		return { byOutcome: await this.#call("counts") };
	}

	/** What is here stays, as the journal may no longer hold it; what the journal still holds takes its place when applied again. */
	async reset(): Promise<void> {
		await this.#call("reset");
		this.appliedSequence = 0;
	}

	async trim({ rowsMax, ageMaxMs, now }: { rowsMax: number; ageMaxMs: number; now: number }): Promise<number> {
		let total = 0;
		for (;;) {
			const dropped = await this.#call("trim", { rowsMax, since: Math.max(0, now - ageMaxMs) });
			if (dropped === 0) return total;
			total += dropped;
		}
	}

	close(): Promise<void> {
		this.#closing ??= this.#thread
			.call("close")
			.catch(() => {})
			.then(() => this.#thread.exited());
		return this.#closing;
	}

	[Symbol.asyncDispose](): Promise<void> {
		return this.close();
	}

	#call: KeeperThread["call"] = (name, ...argument) => {
		if (this.#closing) return Promise.reject(new CoveyError("unavailable", "the history is closed"));
		return this.#thread.call(name, ...argument);
	};
}

function parse(body: string | undefined): TaskView | undefined {
	return body === undefined ? undefined : JSON.parse(body);
}

/** `rows` has one more than `limit` when there is a next page. */
function page<T, R extends { readonly body: string }>(rows: readonly R[], limit: number, keyOf: (row: R) => readonly number[]): Page<T> {
	const items = rows.slice(0, limit).map((row) => JSON.parse(row.body) as T);
	const last = rows[limit - 1];
	return rows.length > limit && last ? { items, next: encodeCursor(keyOf(last)) } : { items };
}

function encodeCursor(keys: readonly number[]): string {
	return keys.map((key) => key.toString(36)).join(".");
}

/** @throws CoveyError `bad_request`. */
function decodeCursor(cursor: string, length: number): number[] {
	const keys = cursor.split(".").map((key) => (/^[0-9a-z]{1,11}$/.test(key) ? Number.parseInt(key, 36) : Number.NaN));
	if (keys.length !== length || !keys.every(Number.isSafeInteger))
		throw new CoveyError("bad_request", `"${cursor.slice(0, 64)}" is not a cursor of this list`, {
			hint: "take the cursor from the page before",
		});
	return keys;
}

function revive({ message, errcode }: { message: string; errcode?: number }, file: string): CoveyError {
	const full = 13;
	if (errcode === full)
		return new CoveyError("store_full", `no space left for the history ${file}`, { hint: "free some space on that disk" });
	return new CoveyError("internal", `the history ${file} failed: ${message}`, { hint: "it can be made again with: covey history rebuild" });
}
