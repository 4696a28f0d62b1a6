import { setPriority } from "node:os";
import type { DatabaseSync, StatementSync } from "node:sqlite";
import { type Served, serve } from "#host/thread/serve.ts";
import { type Deferred, deferred } from "#kit/deferred.ts";
import { openDatabase } from "./database.ts";
import { positionsPerMs } from "./schema.ts";
import { type TaskQuery, TaskTable } from "./task-table.ts";

/** The history's thread: owns the database, answers queries, and gathers what is applied into few transactions. */
export interface KeeperData {
	readonly file: string;
}

export interface KeeperOpened {
	readonly appliedSequence: number;
	readonly note: string | undefined;
}

/** A `HistoryBatch` with its items as JSON. */
export interface EncodedBatch {
	readonly sequence: number;
	readonly tasks: readonly string[];
	readonly audit: readonly { readonly at: number; readonly body: string }[];
}

export interface AuditRow {
	readonly sequence: number;
	readonly ordinal: number;
	readonly body: string;
}

export interface TrimLimits {
	/** Tasks kept; audit entries kept. */
	readonly rowsMax: number;
	/** Nothing that ended before this time is kept, in milliseconds since 1970. */
	readonly since: number;
}

export type KeeperOperations = ReturnType<Keeper["operations"]>;

/** Between two commits, so that their syncs stay out of the journal's way. */
const commitEveryMs = 25;
/** Rows dropped in one transaction. */
const trimRows = 500;

class Keeper {
	readonly #database: DatabaseSync;
	readonly #insertAudit: StatementSync;
	readonly #setApplied: StatementSync;
	#tasks: TaskTable;
	readonly #waiting: { readonly batch: EncodedBatch; readonly done: Deferred<void> }[] = [];
	#applied: number;
	#committedAt = 0;
	#timer: NodeJS.Timeout | undefined;

	constructor(database: DatabaseSync) {
		this.#database = database;
		this.#insertAudit = database.prepare("INSERT OR REPLACE INTO audit VALUES (?, ?, ?, ?)");
		this.#setApplied = database.prepare("UPDATE applied SET sequence = ?");
		this.#tasks = new TaskTable(database);
		this.#applied = database.prepare("SELECT sequence FROM applied").get()!.sequence as number;
	}

	get applied(): number {
		return this.#applied;
	}

	operations() {
		return {
			apply: (batch: EncodedBatch) => this.#apply(batch),
			get: (id: string) => this.#tasks.get(id),
			findByDedupKey: ({ namespace, key, since }: { namespace: string; key: string; since: number }) =>
				this.#tasks.findByDedupKey(namespace, key, since),
			list: (query: TaskQuery) => this.#tasks.list(query),
			byId: (query: { limit: number; before?: string }) => this.#tasks.byId(query),
			audit: (query: { limit: number; before?: readonly [sequence: number, ordinal: number] }) => this.#audit(query),
			counts: () => Object.fromEntries([...this.#tasks.byOutcome].filter(([, count]) => count > 0)),
			reset: () => this.#reset(),
			trim: (limits: TrimLimits) => this.#trim(limits),
			close: () => this.#close(),
		};
	}

	#apply(batch: EncodedBatch): Promise<void> {
		const done = deferred();
		this.#waiting.push({ batch, done });
		this.#timer ??= setTimeout(() => this.#commit(), Math.max(0, this.#committedAt + commitEveryMs - performance.now()));
		return done.promise;
	}

	#commit(): void {
		clearTimeout(this.#timer);
		this.#timer = undefined;
		const waiting = this.#waiting.splice(0);
		try {
			this.#transaction(() => {
				for (const { batch } of waiting) this.#store(batch);
			});
			for (const { done } of waiting) done.resolve();
		} catch (error) {
			for (const { done } of waiting) done.reject(error);
		}
		this.#committedAt = performance.now();
	}

	#store({ sequence, tasks, audit }: EncodedBatch): void {
		if (sequence <= this.#applied) return;
		for (const body of tasks) this.#tasks.put(body);
		for (const [ordinal, { at, body }] of audit.entries()) this.#insertAudit.run(sequence, ordinal, at, body);
		this.#setApplied.run(sequence);
		this.#applied = sequence;
	}

	#audit({ limit, before }: { limit: number; before?: readonly [number, number] }): AuditRow[] {
		const [sequence, ordinal] = before ?? [Number.MAX_SAFE_INTEGER, 0];
		return this.#database
			.prepare("SELECT sequence, ordinal, body FROM audit WHERE (sequence, ordinal) < (?, ?) ORDER BY sequence DESC, ordinal DESC LIMIT ?")
			.all(sequence, ordinal, limit) as unknown as AuditRow[];
	}

	#reset(): void {
		this.#commit();
		this.#database.exec("UPDATE applied SET sequence = 0");
		this.#applied = 0;
	}

	/** @returns how many tasks were dropped; ask again while it is not 0. */
	#trim({ rowsMax, since }: TrimLimits): number {
		const excess = this.#tasks.count() - rowsMax;
		const oldest = this.#tasks.oldest(trimRows);
		const drop = oldest.filter((position, index) => index < excess || position < since * positionsPerMs);
		this.#transaction(() => {
			for (const position of drop) this.#tasks.remove(position);
			this.#database.prepare("DELETE FROM audit WHERE at < ?").run(since);
		});
		return drop.length;
	}

	#close(): void {
		this.#commit();
		this.#database.close();
	}

	#transaction(work: () => void): void {
		const applied = this.#applied;
		this.#database.exec("BEGIN IMMEDIATE");
		try {
			work();
			this.#database.exec("COMMIT");
		} catch (error) {
			if (this.#database.isTransaction) this.#database.exec("ROLLBACK");
			this.#applied = applied;
			this.#tasks = new TaskTable(this.#database);
			throw error;
		}
	}
}

/** How much this thread stands back when there is more to do than processors: nobody waits for what it writes. */
const niceness = 5;

function open({ file }: KeeperData): Served<KeeperOperations> {
	// Linux counts it for each thread; elsewhere it would slow the whole process.
	if (process.platform === "linux") setPriority(niceness);
	const { database, note } = openDatabase(file);
	const keeper = new Keeper(database);
	const opened: KeeperOpened = { appliedSequence: keeper.applied, note };
	return { opened, operations: keeper.operations() };
}

serve(open, (error) => ({ message: (error as Error).message, errcode: (error as { errcode?: number }).errcode }));
