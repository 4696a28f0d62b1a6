import type { DatabaseSync, SQLInputValue, StatementSync } from "node:sqlite";
import type { TaskView } from "@covey/protocol";
import type { HistoryQuery } from "#ports/history.ts";
import { positionsPerMs } from "./schema.ts";

/** A query with its cursor resolved to the position before which to look. */
export type TaskQuery = Omit<HistoryQuery, "cursor"> & { readonly before?: number };

export interface TaskRow {
	readonly position: number;
	readonly body: string;
}

/** More combinations of listed values than this are filtered row by row instead of looked up one by one. */
const combinationsMax = 32;

/** Ids begin with `t_`. */
const afterAllIds = "u";

/** Ended tasks, one row each, newest end first. Synchronous; runs in the history's thread. */
export class TaskTable {
	/** How many rows there are of each outcome. */
	readonly byOutcome = new Map<string, number>();
	readonly #database: DatabaseSync;
	readonly #insert: StatementSync;
	readonly #insertWords: StatementSync;
	readonly #find: StatementSync;
	readonly #delete: StatementSync;
	readonly #deleteWords: StatementSync;
	readonly #lastWithin: StatementSync;
	/** Nothing stands at or after this position: the usual case needs no look. */
	#end: number;

	constructor(database: DatabaseSync) {
		this.#database = database;
		this.#insert = database.prepare("INSERT INTO task VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING");
		this.#insertWords = database.prepare("INSERT INTO words (rowid, text) VALUES (?, ?)");
		this.#find = database.prepare("SELECT position, body FROM task WHERE id = ?");
		this.#delete = database.prepare("DELETE FROM task WHERE position = ? RETURNING outcome");
		this.#deleteWords = database.prepare("DELETE FROM words WHERE rowid = ?");
		this.#lastWithin = database.prepare("SELECT max(position) AS last FROM task WHERE position >= ? AND position < ?");
		this.#end = ((database.prepare("SELECT max(position) AS last FROM task").get()?.last as number | null) ?? -1) + 1;
		for (const row of database.prepare("SELECT outcome, count(*) AS count FROM task GROUP BY outcome").iterate())
			this.byOutcome.set((row.outcome as string | null) ?? "unknown", row.count as number);
	}

	/** Puts a task, as JSON, in place of what stood under its id. */
	put(body: string): void {
		const task = JSON.parse(body) as TaskView;
		const position = this.#positionFor(task.endedAt ?? task.updatedAt);
		const insert = () =>
			this.#insert.run(
				position,
				task.id,
				task.namespace,
				task.status,
				task.type,
				task.submitter,
				task.attempts.at(-1)?.worker ?? null,
				task.outcome ?? null,
				task.submission.dedupKey ?? null,
				body,
			).changes === 1;
		if (!insert()) {
			this.remove((this.#find.get(task.id) as unknown as TaskRow).position);
			insert();
		}
		this.#insertWords.run(position, searchable(task));
		this.#count(task.outcome, 1);
	}

	remove(position: number): void {
		const row = this.#delete.get(position);
		if (!row) return;
		this.#deleteWords.run(position);
		this.#count(row.outcome as string | null, -1);
	}

	get(id: string): string | undefined {
		return (this.#find.get(id) as TaskRow | undefined)?.body;
	}

	byId({ limit, before = afterAllIds }: { limit: number; before?: string }): string[] {
		const rows = this.#database.prepare("SELECT body FROM task WHERE id < ? ORDER BY id DESC LIMIT ?").all(before, limit);
		return rows.map(({ body }) => body as string);
	}

	findByDedupKey(namespace: string, key: string, since: number): string | undefined {
		const row = this.#database
			.prepare("SELECT body FROM task WHERE namespace = ? AND dedup_key = ? AND position >= ? ORDER BY position DESC LIMIT 1")
			.get(namespace, key, since * positionsPerMs);
		return row?.body as string | undefined;
	}

	count(): number {
		return [...this.byOutcome.values()].reduce((sum, count) => sum + count, 0);
	}

	/** Positions, the oldest first. */
	oldest(limit: number): number[] {
		const rows = this.#database.prepare("SELECT position FROM task ORDER BY position LIMIT ?").all(limit);
		return rows.map((row) => row.position as number);
	}

	/** At most `limit` rows, newest first. Listed statuses and namespaces are looked up one combination at a time, so that each is in order already. */
	list(query: TaskQuery): TaskRow[] {
		const namespaces = query.namespaces ?? [undefined];
		const statuses = query.status?.length ? query.status : [undefined];
		if (namespaces.length * statuses.length > combinationsMax) return this.#select(query, [], query.limit);
		const rows = namespaces.flatMap((namespace) =>
			statuses.flatMap((status) =>
				this.#select({ ...query, namespaces: undefined, status: undefined }, equal({ namespace, status }), query.limit),
			),
		);
		return rows.sort((a, b) => b.position - a.position).slice(0, query.limit);
	}

	#select(
		query: Omit<TaskQuery, "namespaces" | "status"> & {
			namespaces?: readonly string[] | undefined;
			status?: readonly string[] | undefined;
		},
		fixed: readonly Condition[],
		limit: number,
	): TaskRow[] {
		const { before, since, worker, submitter, type, outcome, namespaces, status } = query;
		const match = matchExpression(query.text);
		const conditions: Condition[] = [
			...fixed,
			...equal({ worker, submitter, type, outcome }),
			...among("namespace", namespaces),
			...among("status", status),
			...(before === undefined ? [] : [{ sql: "position < ?", values: [before] }]),
			...(since === undefined ? [] : [{ sql: "position >= ?", values: [since * positionsPerMs] }]),
			...(match === undefined ? [] : [{ sql: "words MATCH ?", values: [match] }]),
		];
		const where =
			conditions.length === 0
				? ""
				: `WHERE ${conditions.map(({ sql }) => (match ? sql.replace(/^position/, "words.rowid") : sql)).join(" AND ")}`;
		const from = match ? "words CROSS JOIN task ON task.position = words.rowid" : "task";
		const order = match ? "words.rowid" : "position";
		return this.#database
			.prepare(`SELECT position, body FROM ${from} ${where} ORDER BY ${order} DESC LIMIT ?`)
			.all(...conditions.flatMap(({ values }) => values), limit) as unknown as TaskRow[];
	}

	#positionFor(endedAt: number): number {
		let base = endedAt * positionsPerMs;
		while (base < this.#end) {
			const last = this.#lastWithin.get(base, base + positionsPerMs)?.last as number | null;
			if (last === null) return base;
			if (last + 1 < base + positionsPerMs) return (this.#end = Math.max(this.#end, last + 2)) && last + 1;
			base += positionsPerMs;
		}
		this.#end = base + 1;
		return base;
	}

	#count(outcome: string | null | undefined, change: number): void {
		const key = outcome ?? "unknown";
		this.byOutcome.set(key, (this.byOutcome.get(key) ?? 0) + change);
	}
}

interface Condition {
	readonly sql: string;
	readonly values: readonly SQLInputValue[];
}

function equal(columns: Readonly<Record<string, string | undefined>>): Condition[] {
	return Object.entries(columns).flatMap(([column, value]) => (value === undefined ? [] : [{ sql: `${column} = ?`, values: [value] }]));
}

function among(column: string, values: readonly string[] | undefined): Condition[] {
	if (!values?.length) return [];
	return [{ sql: `${column} IN (${values.map(() => "?").join(", ")})`, values }];
}

/** Title, command and message: what a text is looked for in. */
function searchable({ title, message, submission }: TaskView): string {
	const { command } = (submission.payload ?? {}) as { command?: unknown };
	return [title, ...(Array.isArray(command) ? command : []), message ?? ""].join(" ");
}

/** Every word, or its beginning, must occur. Words are runs of letters and digits, as in FTS5's `unicode61`. Undefined when there is none. */
function matchExpression(text: string | undefined): string | undefined {
	const found = text?.match(/[\p{L}\p{N}\p{M}\p{Co}]+/gu);
	return found ? found.map((word) => `"${word}"*`).join(" AND ") : undefined;
}
