import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { DatabaseSync } from "node:sqlite";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { task } from "#journal/journal.suite.ts";
import { openSqliteJournal } from "./journal.ts";

let directory: string;
let file: string;
beforeEach(async () => {
	directory = await mkdtemp(join(tmpdir(), "covey-refusal-"));
	file = join(directory, "journal.db");
});
afterEach(() => rm(directory, { recursive: true, force: true }));

describe("the sqlite journal refuses", () => {
	it("a second owner in the same process, and names the first with its url", async () => {
		await using journal = await openSqliteJournal({ file });
		journal.announce("http://127.0.0.1:8000");
		await expect(openSqliteJournal({ file })).rejects.toMatchObject({
			code: "conflict",
			message: expect.stringMatching(
				new RegExp(`^the journal ${file} is in use by process ${process.pid} on .+, since \\d{4}-.+Z, at http://127.0.0.1:8000$`),
			),
			details: { pid: process.pid, url: "http://127.0.0.1:8000" },
		});
		expect(await journal.append(0, [task("a", 1)])).toMatchObject({ kind: "stored" });
	});

	it("a second owner while another process has it, and lets it in once that process was killed", async () => {
		const owner = spawn(process.execPath, [join(import.meta.dirname, "appender.fixture.ts"), file], {
			stdio: ["ignore", "pipe", "inherit"],
		});
		const exited = once(owner, "exit");
		try {
			await once(createInterface({ input: owner.stdout }), "line");
			await expect(openSqliteJournal({ file })).rejects.toThrow(`in use by process ${owner.pid} on`);
		} finally {
			owner.kill("SIGKILL");
			await exited;
		}
		await using journal = await openSqliteJournal({ file });
		expect(journal.tail).toBeGreaterThanOrEqual(0);
	});

	it("lets exactly one of many simultaneous openers in", async () => {
		const answers = await Promise.allSettled(Array.from({ length: 5 }, () => openSqliteJournal({ file })));
		const opened = answers.flatMap((answer) => (answer.status === "fulfilled" ? [answer.value] : []));
		expect(opened).toHaveLength(1);
		await opened[0]?.close();
		await (await openSqliteJournal({ file })).close();
	});

	it("a file that a newer Covey wrote, without touching it", async () => {
		await (await openSqliteJournal({ file })).close();
		const newer = new DatabaseSync(file);
		newer.exec("PRAGMA user_version = 3");
		newer.close();
		const before = (await stat(file)).mtimeMs;
		await expect(openSqliteJournal({ file })).rejects.toMatchObject({
			reason: "newer_format",
			code: "version_mismatch",
			message: expect.stringContaining("was written by a newer Covey (format 3, this build reads up to 1)"),
			hint: expect.stringContaining("upgrade"),
		});
		expect((await stat(file)).mtimeMs).toBe(before);
	});

	it("another program's SQLite file, without touching it", async () => {
		const other = new DatabaseSync(file);
		other.exec("CREATE TABLE recipe (name TEXT)");
		other.close();
		const before = await readFile(file);
		await expect(openSqliteJournal({ file })).rejects.toMatchObject({
			reason: "unsupported",
			message: expect.stringContaining("not a Covey journal"),
		});
		expect(await readFile(file)).toEqual(before);
	});

	it("a file that another program has open", async () => {
		await (await openSqliteJournal({ file })).close();
		using other = new DatabaseSync(file);
		other.prepare("SELECT * FROM entry").get();
		await expect(openSqliteJournal({ file })).rejects.toMatchObject({
			code: "conflict",
			message: expect.stringContaining("another program"),
		});
	});

	it("an empty file, which no Covey leaves behind", async () => {
		await writeFile(file, "");
		await expect(openSqliteJournal({ file })).rejects.toMatchObject({ reason: "corrupt", message: expect.stringContaining("empty") });
	});

	it("a directory that cannot be made, with the system's own words", async () => {
		await writeFile(join(directory, "plain"), "");
		await expect(openSqliteJournal({ file: join(directory, "plain", "journal.db") })).rejects.toThrow(/ENOTDIR|EEXIST/);
	});
});

it("reads its durability settings back: WAL, a sync per commit, one owner", async () => {
	const { openDatabase, pragma } = await import("./schema.ts");
	using database = openDatabase(file);
	expect(["journal_mode", "synchronous", "locking_mode"].map((name) => pragma(database, name))).toEqual(["wal", 2, "exclusive"]);
});

it("answers unknown, and never stores again, when its thread dies", async () => {
	await writeFile(
		join(directory, "dying.mjs"),
		`import { parentPort } from "node:worker_threads";
		parentPort.postMessage({ id: 0, value: { tail: 0, snapshotSequence: 0 } });
		parentPort.on("message", () => process.exit(1));`,
	);
	const journal = await openSqliteJournal({ file, workerUrl: new URL(`file://${join(directory, "dying.mjs")}`) });
	expect(await journal.append(0, [task("a", 1)])).toMatchObject({ kind: "unknown" });
	expect(await journal.append(0, [task("a", 1)])).toMatchObject({ kind: "unknown" });
	await journal.close();
});
