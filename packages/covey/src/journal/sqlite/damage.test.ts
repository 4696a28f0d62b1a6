import { copyFile, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { all, task } from "#journal/journal.suite.ts";
import { failureOf } from "./failure.ts";
import { openSqliteJournal } from "./journal.ts";
import { salvageJournal } from "./salvage.ts";
import { openDatabase } from "./schema.ts";
import { Snapshots } from "./snapshots.ts";
import { Store } from "./store.ts";

/** Entries 1–40 are checkpointed, with a snapshot at 10; 41–60 stand in the write-ahead log alone. */
const checkpointed = 40;
const total = 60;
const snapshotAt = 10;

let directory: string;
let database: Buffer;
let log: Buffer;

beforeAll(async () => {
	directory = await mkdtemp(join(tmpdir(), "covey-damage-"));
	const file = join(directory, "origin.db");
	const first = await openSqliteJournal({ file });
	for (let n = 0; n < checkpointed; n++) await first.append(n, [changeOf(n + 1)]);
	await first.putSnapshot(snapshotAt, [task("snapshot", snapshotAt), task("x".repeat(9000), 1)], new AbortController().signal);
	await first.truncate(snapshotAt);
	await first.close();
	const second = await openSqliteJournal({ file });
	for (let n = checkpointed; n < total; n++) await second.append(n, [changeOf(n + 1)]);
	[database, log] = await Promise.all([readFile(file), readFile(`${file}-wal`)]);
	await second.close();
});
afterAll(() => rm(directory, { recursive: true, force: true }));

describe("a damaged journal", () => {
	it("is read whole when nothing is damaged", async () => {
		expect(await judge(database, log)).toEqual({ tail: total });
	});

	it("yields a true beginning with all that was checkpointed, or says that it is damaged: any byte of the database changed", async () => {
		const seen = await judgeAll(offsets(database, 400), (at) => [flip(database, at), log]);
		expect(seen.refused).toBeGreaterThan(50);
	});

	it("… the header of any page changed, with no write-ahead log to heal it", async () => {
		const pageSize = 4096;
		const headers = Array.from({ length: database.length / pageSize }, (_, page) => page * pageSize + (page === 0 ? 100 : 0));
		const bytes = headers.flatMap((header) => Array.from({ length: 8 }, (_, n) => header + n));
		const seen = await judgeAll(bytes, (at) => [flip(database, at, 0), Buffer.alloc(0)]);
		expect(seen.refused).toBeGreaterThan(50);
	});

	it("… any byte of the write-ahead log changed", async () => {
		const seen = await judgeAll(offsets(log, 200), (at) => [database, flip(log, at)]);
		expect(seen.shortened).toBeGreaterThan(50);
	});

	it("… the database cut off anywhere", async () => {
		const seen = await judgeAll(offsets(database, 60), (at) => [database.subarray(0, at), log]);
		expect(seen.refused).toBeGreaterThan(20);
	});

	it("… the write-ahead log cut off anywhere", async () => {
		const seen = await judgeAll(offsets(log, 100), (at) => [database, log.subarray(0, at)]);
		expect(seen.shortened).toBeGreaterThan(50);
	});

	it("names the file, the entry and the command that salvages", async () => {
		const file = join(directory, "named.db");
		const at = database.indexOf("entry number 25;");
		await writeFile(file, flip(database, at));
		await using journal = await openSqliteJournal({ file });
		await expect(all(journal.recover())).rejects.toMatchObject({
			reason: "corrupt",
			code: "internal",
			message: `the journal ${file} is damaged at entry 25: its checksum does not match`,
			hint: expect.stringContaining(`covey journal salvage ${file}`),
			details: { reason: "corrupt", sequence: 25 },
		});
	});

	it("is refused when its file is gone and its write-ahead log is not", async () => {
		const file = join(directory, "gone.db");
		await writeFile(`${file}-wal`, log);
		await expect(openSqliteJournal({ file })).rejects.toMatchObject({ reason: "corrupt" });
	});
});

describe("a salvage", () => {
	it("saves the snapshot and the entries before the damage into a new journal, and leaves the old file as it is", async () => {
		const file = join(directory, "salvage.db");
		const damaged = flip(database, database.indexOf("entry number 25;"));
		await writeFile(file, damaged);
		await writeFile(`${file}-wal`, log);
		const into = join(directory, "salvaged.db");
		expect(salvageJournal({ file, into })).toEqual({
			tail: 24,
			entries: 24 - snapshotAt,
			snapshotSequence: snapshotAt,
			lastSeen: total,
			lost: ["the entries after those saved (entry 25): its checksum does not match"],
		});
		expect(await readFile(file)).toEqual(damaged);

		await using journal = await openSqliteJournal({ file: into });
		const recovered = await all(journal.recover());
		expect(recovered.map((entry) => entry.sequence)).toEqual([10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24]);
		expect(recovered[0]?.changes[0]).toEqual(task("snapshot", snapshotAt));
		expect(await journal.append(24, [])).toEqual({ kind: "stored", sequence: 25 });
	});

	it("loses nothing of a whole journal", async () => {
		const file = join(directory, "whole.db");
		await writeFile(file, database);
		await writeFile(`${file}-wal`, log);
		const report = salvageJournal({ file, into: join(directory, "whole-salvaged.db") });
		expect(report).toMatchObject({ tail: total, lastSeen: total, lost: [] });
	});

	it("says that everything is lost when the snapshot is damaged and the entries before it were dropped", async () => {
		const file = join(directory, "headless.db");
		await writeFile(file, flip(database, database.indexOf('"id":"snapshot"')));
		const report = salvageJournal({ file, into: join(directory, "headless-salvaged.db") });
		expect(report).toMatchObject({ tail: 0, entries: 0, snapshotSequence: 0 });
		expect(report.lost).toHaveLength(2);
	});

	it("makes an empty journal from a file that is no database at all", async () => {
		const file = join(directory, "noise.db");
		await writeFile(file, Buffer.alloc(20_000, "noise"));
		const into = join(directory, "noise-salvaged.db");
		expect(salvageJournal({ file, into })).toMatchObject({ tail: 0, lastSeen: undefined });
		await using journal = await openSqliteJournal({ file: into });
		expect(journal.tail).toBe(0);
	});

	it("refuses to overwrite, to work on a journal in use, and to salvage nothing", async () => {
		const file = join(directory, "busy.db");
		await using journal = await openSqliteJournal({ file });
		expect(() => salvageJournal({ file, into: join(directory, "busy-salvaged.db") })).toThrow(/in use by process/);
		await journal.close();
		await copyFile(file, join(directory, "there.db"));
		expect(() => salvageJournal({ file, into: join(directory, "there.db") })).toThrow(/exists already/);
		expect(() => salvageJournal({ file: join(directory, "none.db"), into: join(directory, "x.db") })).toThrow(/there is no journal/);
	});
});

function changeOf(sequence: number) {
	return task(`entry number ${sequence}; ${"y".repeat((sequence * 613) % 5000)}`, sequence);
}

/** `count` offsets spread over the buffer, at other places each time. */
function offsets(buffer: Buffer, count: number): number[] {
	const step = buffer.length / count;
	return Array.from({ length: count }, (_, n) => Math.min(buffer.length - 1, Math.floor((n + Math.random()) * step)));
}

function flip(buffer: Buffer, at: number, bit = Math.floor(Math.random() * 8)): Buffer {
	const copy = Buffer.from(buffer);
	copy[at]! ^= 1 << bit;
	return copy;
}

async function judgeAll(places: readonly number[], damage: (at: number) => [Buffer, Buffer]) {
	const seen = { whole: 0, shortened: 0, refused: 0 };
	for (const at of places) {
		const verdict = await judge(...damage(at));
		if ("refused" in verdict) seen.refused++;
		else {
			expect(verdict.tail, `damage at ${at}`).toBeGreaterThanOrEqual(checkpointed);
			seen[verdict.tail === total ? "whole" : "shortened"]++;
		}
	}
	return seen;
}

/** Reads everything as a recovery does, without the thread. Fails the test on any wrong record, passes refusals on. */
async function judge(bytes: Buffer, walBytes: Buffer): Promise<{ tail: number } | { refused: string }> {
	const file = join(directory, "judged.db");
	await rm(`${file}-journal`, { force: true });
	await Promise.all([writeFile(file, bytes), writeFile(`${file}-wal`, walBytes)]);
	const read: { sequence: number; payload: string }[] = [];
	let tail = 0;
	try {
		using database = openDatabase(file);
		const store = new Store(database);
		const snapshots = new Snapshots(database, store);
		const head = snapshots.head();
		for (let number = 1; number <= (head?.parts ?? 0); number++) {
			const payload = Buffer.from(snapshots.part(head!.id, number)).toString();
			expect(JSON.parse(payload)[0]).toEqual(task("snapshot", snapshotAt));
		}
		for (let next: number | undefined = head?.sequence ?? 0; next !== undefined; ) {
			const stored = store.entries(next);
			for (const { sequence, payload } of stored.entries) read.push({ sequence, payload: Buffer.from(payload).toString() });
			next = stored.next;
		}
		tail = store.tail;
	} catch (error) {
		const { reason, message } = failureOf(error);
		expect(["corrupt", "unsupported", "newer_format"], message).toContain(reason);
		return { refused: reason };
	}
	expect(read.map((entry) => entry.sequence)).toEqual(Array.from({ length: tail - snapshotAt }, (_, n) => snapshotAt + 1 + n));
	for (const { sequence, payload } of read) expect(payload).toBe(JSON.stringify([changeOf(sequence)]));
	return { tail };
}
