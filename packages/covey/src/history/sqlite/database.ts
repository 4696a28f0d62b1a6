import { chmodSync, existsSync, renameSync, rmSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { applicationId, historyFormat, schema } from "./schema.ts";
import { TaskTable } from "./task-table.ts";

export interface OpenedDatabase {
	readonly database: DatabaseSync;
	/** What had to be done to the file, a sentence for the log. */
	readonly note: string | undefined;
}

/**
 * Opens the history's database. What cannot be used is not an error, since everything can be rebuilt:
 * - no file: a new one;
 * - another layout: a new one, filled with what the old one holds;
 * - damaged, or not a history: set aside as `<file>.damaged`, and a new one, which the journal fills again.
 */
export function openDatabase(file: string): OpenedDatabase {
	if (!existsSync(file)) return { database: create(file), note: undefined };
	try {
		const format = formatOf(file);
		if (format === historyFormat) return { database: connect(file), note: undefined };
		rebuild(file);
		return { database: connect(file), note: `the history had format ${format}; it was rebuilt as format ${historyFormat}` };
	} catch (error) {
		for (const suffix of ["-shm", "-wal", ""]) if (existsSync(file + suffix)) renameSync(file + suffix, `${file}.damaged${suffix}`);
		return {
			database: create(file),
			note: `the history was unusable (${(error as Error).message}); it was set aside as ${file}.damaged and starts empty`,
		};
	}
}

/** A sync per commit, as the journal forgets what history says it holds; commits are gathered by `Keeper`, so that they are few, and many of them are moved into the database at once. */
function connect(file: string): DatabaseSync {
	const database = new DatabaseSync(file, { timeout: 1000 });
	database.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 4000; PRAGMA cache_size = -16384");
	return database;
}

function create(file: string): DatabaseSync {
	const database = connect(file);
	database.exec(`BEGIN; ${schema} COMMIT`);
	for (const suffix of ["", "-wal", "-shm"]) chmodSync(file + suffix, 0o600);
	return database;
}

/** @throws when the file is not a history. */
function formatOf(file: string): number {
	using database = new DatabaseSync(file);
	const read = (name: string) => Object.values(database.prepare(`PRAGMA ${name}`).get() ?? {})[0];
	if (read("application_id") !== applicationId) throw new Error("it is not a Covey history");
	database.prepare("SELECT sequence FROM applied").get();
	return read("user_version") as number;
}

/** Into a draft, then renamed: a crash half-way starts again from the old file. */
function rebuild(file: string): void {
	const draft = `${file}.rebuild`;
	for (const suffix of ["", "-wal", "-shm"]) rmSync(draft + suffix, { force: true });
	{
		using from = new DatabaseSync(file);
		using to = create(draft);
		const tasks = new TaskTable(to);
		to.exec("BEGIN");
		for (const row of from.prepare("SELECT body FROM task ORDER BY position").iterate()) tasks.put(row.body as string);
		const audit = to.prepare("INSERT INTO audit VALUES (?, ?, ?, ?)");
		for (const row of from.prepare("SELECT sequence, ordinal, body FROM audit").iterate())
			audit.run(row.sequence!, row.ordinal!, JSON.parse(row.body as string).at, row.body!);
		to.prepare("UPDATE applied SET sequence = ?").run(from.prepare("SELECT sequence FROM applied").get()!.sequence!);
		to.exec("COMMIT");
	}
	for (const suffix of ["-wal", "-shm"]) rmSync(file + suffix, { force: true });
	renameSync(draft, file);
}
