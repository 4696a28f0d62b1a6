import { chmodSync, existsSync, renameSync, rmSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { networkFilesystem } from "#host/lock/network-filesystem.ts";
import { syncDirectory } from "#host/lock/sync-directory.ts";
import { chainStart } from "./chain.ts";
import { StoreFailure } from "./failure.ts";

/** Version of the file's layout. A build reads its own and refuses what is newer. */
export const journalFormat = 1;

/** "Covy": tells a journal from any other SQLite file. */
const applicationId = 0x436f7679;

/**
 * `entry`: the log. Its first row is the anchor, which everything before was truncated up to (0 in a new journal): it
 * is no longer read, but its link is what the next entry is chained to, so there always is a tail to go on from.
 * `snapshot` holds one finished snapshot, and a second for the moment in which it replaces it; `part` may also hold
 * parts of one that was never finished.
 */
const schema = `
	CREATE TABLE entry (sequence INTEGER PRIMARY KEY, payload BLOB NOT NULL, link BLOB NOT NULL) STRICT;
	CREATE TABLE snapshot (id INTEGER PRIMARY KEY, sequence INTEGER NOT NULL, link BLOB NOT NULL, parts INTEGER NOT NULL, seal BLOB NOT NULL) STRICT;
	CREATE TABLE part (snapshot INTEGER NOT NULL, number INTEGER NOT NULL, payload BLOB NOT NULL, link BLOB NOT NULL, PRIMARY KEY (snapshot, number)) STRICT;
	PRAGMA application_id = ${applicationId};
	PRAGMA user_version = ${journalFormat};
`;

/**
 * Opens the journal's database, and makes it first if there is none. The caller holds the owner lock.
 * @throws StoreFailure `newer_format`, `unsupported`, `corrupt`; whatever SQLite throws.
 */
export function openDatabase(file: string): DatabaseSync {
	if (!existsSync(file)) create(file);
	if (statSync(file).size === 0) throw new StoreFailure("corrupt", "the file is empty");
	const network = networkFilesystem(dirname(file));
	if (network)
		throw new StoreFailure("unsupported", `it is on ${network}, which cannot promise that a flushed write stays`, {
			hint: "use a state directory on a local disk",
		});
	const database = new DatabaseSync(file, { timeout: 1000 });
	try {
		database.exec("PRAGMA locking_mode = EXCLUSIVE");
		checkFormat(database);
		configure(database);
		const damage = pragma(database, "quick_check(1)");
		if (damage !== "ok") throw new StoreFailure("corrupt", `SQLite's check says: ${String(damage)}`);
		return database;
	} catch (error) {
		database.close();
		throw error;
	}
}

/** Made under another name and renamed when it is on disk, so that an empty or half-made file is never taken for a new journal. */
function create(file: string): void {
	if (existsSync(`${file}-wal`)) throw new StoreFailure("corrupt", "the file is gone, but its write-ahead log is still there");
	const draft = `${file}.new`;
	for (const suffix of ["", "-wal", "-journal"]) rmSync(draft + suffix, { force: true });
	const database = new DatabaseSync(draft);
	try {
		database.exec("PRAGMA auto_vacuum = INCREMENTAL");
		configure(database);
		database.exec(`BEGIN; ${schema} COMMIT`);
		database.prepare("INSERT INTO entry VALUES (0, x'', ?)").run(chainStart);
	} finally {
		database.close();
	}
	chmodSync(draft, 0o600);
	renameSync(draft, file);
	syncDirectory(dirname(file));
}

/**
 * Settings are read back, since SQLite ignores in silence what it cannot do. Exclusive locking keeps the index of the
 * write-ahead log in memory: no third file to grow on a full disk, and SQLite itself refuses a second opener.
 * The write-ahead log keeps its size, as overwriting is faster than growing; `Store.tidy` bounds it.
 */
const walBytesMax = 16 * 1024 * 1024;

const settings: readonly { readonly name: string; readonly value: string | number; readonly reads: string | number }[] = [
	{ name: "locking_mode", value: "EXCLUSIVE", reads: "exclusive" },
	{ name: "journal_mode", value: "WAL", reads: "wal" },
	{ name: "synchronous", value: "FULL", reads: 2 },
	{ name: "fullfsync", value: 1, reads: 1 },
	{ name: "wal_autocheckpoint", value: 0, reads: 0 },
	{ name: "journal_size_limit", value: walBytesMax, reads: walBytesMax },
];

function configure(database: DatabaseSync): void {
	for (const { name, value, reads } of settings) {
		database.exec(`PRAGMA ${name} = ${value}`);
		const seen = pragma(database, name);
		if (seen !== reads) throw new StoreFailure("unsupported", `SQLite keeps ${name} at ${String(seen)}, but a journal needs ${reads}`);
	}
}

/** Before anything is set, so that a file of somebody else stays as it is. */
function checkFormat(database: DatabaseSync): void {
	if (pragma(database, "application_id") !== applicationId) throw new StoreFailure("unsupported", "the file is not a Covey journal");
	const format = pragma(database, "user_version") as number;
	if (format > journalFormat)
		throw new StoreFailure(
			"newer_format",
			`the file was written by a newer Covey (format ${format}, this build reads up to ${journalFormat})`,
			{ hint: "upgrade Covey on this machine, or use another state directory" },
		);
	if (format < journalFormat) throw new StoreFailure("corrupt", `it says that its format is ${format}, which no Covey wrote`);
}

/** The first column of the first row that `PRAGMA name` answers. */
export function pragma(database: DatabaseSync, name: string): unknown {
	return Object.values(database.prepare(`PRAGMA ${name}`).get() ?? {})[0];
}
