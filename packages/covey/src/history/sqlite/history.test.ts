import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import type { AuditEvent, TaskView } from "@covey/protocol";
import { TaskSubmission } from "@covey/protocol";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createLogger } from "#kit/logger.ts";
import type { History, HistoryQuery } from "#ports/history.ts";
import { openSqliteHistory } from "./history.ts";

let directory: string;
let file: string;
let history: History;
beforeEach(async () => {
	directory = await mkdtemp(join(tmpdir(), "covey-history-"));
	file = join(directory, "history.db");
	history = await openSqliteHistory({ file });
});
afterEach(async () => {
	await history.close();
	await rm(directory, { recursive: true, force: true });
});

describe("history", () => {
	it("keeps what was applied, and how far, after it is opened again", async () => {
		expect(history.appliedSequence).toBe(0);
		await history.apply({ sequence: 7, tasks: [ended(1), ended(2)], audit: [audit(7, "drain")] });
		expect(history.appliedSequence).toBe(7);
		await reopen();
		expect(history.appliedSequence).toBe(7);
		expect(await history.get(ended(1).id)).toEqual(ended(1));
		expect(await history.get("t_unknown")).toBeUndefined();
		expect(await history.audit({ limit: 10 })).toMatchObject({ items: [audit(7, "drain")] });
	});

	it("ignores entries that it has already, and takes a task that ended again in its newest state", async () => {
		await history.apply({ sequence: 1, tasks: [ended(1, { outcome: "failed", status: "failed" })], audit: [] });
		await history.apply({ sequence: 1, tasks: [ended(2)], audit: [audit(1, "again")] });
		expect(await ids({ limit: 10 })).toEqual([1]);
		await history.apply({ sequence: 2, tasks: [ended(3), ended(1, { endedAt: 9000 })], audit: [] });
		expect(await ids({ limit: 10 })).toEqual([1, 3]);
		expect(await history.counts()).toEqual({ byOutcome: { passed: 2 } });
	});

	it("gives tasks by their ids too, in whatever order they ended, and a cursor after each entry of the audit", async () => {
		const tasks = [3, 1, 2].map((n, after) => ended(n, { endedAt: 1000 + after }));
		await history.apply({ sequence: 1, tasks, audit: ["a", "b", "c"].map((action) => audit(1, action)) });
		expect((await history.byId({ limit: 2 })).map(numberOf)).toEqual([3, 2]);
		expect((await history.byId({ limit: 2, before: tasks[2]!.id })).map(numberOf)).toEqual([1]);
		const { items, cursors } = await history.audit({ limit: 3 });
		expect(items.map(({ action }) => action)).toEqual(["c", "b", "a"]);
		expect((await history.audit({ limit: 3, cursor: cursors[0]! })).items).toEqual(items.slice(1));
		expect((await history.audit({ limit: 3, cursor: cursors[2]! })).items).toEqual([]);
	});

	it("applies batches that are handed in without waiting, in order, all before close resolves", async () => {
		const applying = Array.from({ length: 50 }, (_, n) => history.apply({ sequence: n + 1, tasks: [ended(n + 1)], audit: [] }));
		const closing = history.close();
		await Promise.all([...applying, closing]);
		await reopen();
		expect(history.appliedSequence).toBe(50);
		expect((await history.list({ limit: 100 })).items).toHaveLength(50);
	});

	it("pages newest first, each task once, also those that ended in the same millisecond", async () => {
		const tasks = Array.from({ length: 30 }, (_, n) => ended(n, { endedAt: 5000 + Math.floor(n / 10) }));
		await history.apply({ sequence: 1, tasks, audit: [] });
		const seen: number[] = [];
		let cursor: string | undefined;
		do {
			const page = await history.list({ limit: 7, ...(cursor !== undefined && { cursor }) });
			seen.push(...page.items.map(numberOf));
			cursor = page.next;
		} while (cursor !== undefined);
		expect(seen).toEqual(Array.from({ length: 30 }, (_, n) => 29 - n));
	});

	it("does not lose its place when newer tasks end between two pages", async () => {
		await history.apply({ sequence: 1, tasks: [1, 2, 3, 4].map((n) => ended(n)), audit: [] });
		const first = await history.list({ limit: 2 });
		await history.apply({ sequence: 2, tasks: [ended(5)], audit: [] });
		expect((await history.list({ limit: 2, cursor: first.next! })).items.map(numberOf)).toEqual([2, 1]);
	});

	const filters: readonly { title: string; query: Omit<HistoryQuery, "limit">; found: readonly number[] }[] = [
		{ title: "status", query: { status: ["failed"] }, found: [4, 2] },
		{ title: "several statuses", query: { status: ["failed", "cancelled"] }, found: [5, 4, 2] },
		{ title: "outcome", query: { outcome: "timed_out" }, found: [4] },
		{ title: "worker of the last attempt", query: { worker: "heron" }, found: [3, 2] },
		{ title: "submitter", query: { submitter: "ada" }, found: [5, 1] },
		{ title: "type", query: { type: "agent_run" }, found: [3] },
		{ title: "time of the end", query: { since: 1003 }, found: [5, 4, 3] },
		{ title: "one namespace", query: { namespaces: ["other"] }, found: [5, 2] },
		{ title: "several namespaces", query: { namespaces: ["other", "default"], status: ["failed"] }, found: [4, 2] },
		{ title: "no namespace at all", query: { namespaces: [] }, found: [] },
		{
			title: "more values than are looked up one by one",
			query: { namespaces: Array.from({ length: 40 }, (_, n) => (n === 0 ? "other" : `n${n}`)) },
			found: [5, 2],
		},
		{ title: "a word of the title", query: { text: "nightly" }, found: [3] },
		{ title: "words of the command, in any order and case", query: { text: "RELEASE cargo" }, found: [2] },
		{ title: "the beginning of a word of the message", query: { text: "linker explo" }, found: [4] },
		{ title: "words with punctuation", query: { text: "src/main.ts --release" }, found: [2] },
		{ title: "words that never occur together", query: { text: "nightly release" }, found: [] },
		{ title: "text and filters together", query: { text: "cargo", status: ["failed"], namespaces: ["other"], since: 1001 }, found: [2] },
		{ title: "quotes and operators, as plain words", query: { text: '"cargo" OR (NEAR' }, found: [] },
	];
	for (const { title, query, found } of filters) {
		it(`filters by ${title}`, async () => {
			await history.apply({
				sequence: 1,
				tasks: [
					ended(1, { submitter: "ada" }),
					ended(2, { status: "failed", outcome: "failed", namespace: "other" }, ["cargo", "build", "--release", "src/main.ts"], "heron"),
					ended(3, { type: "agent_run", title: "nightly cleaning" }, ["true"], "heron"),
					ended(4, { status: "failed", outcome: "timed_out", message: "the linker exploded" }),
					ended(5, { status: "cancelled", outcome: "cancelled", namespace: "other", submitter: "ada" }),
				],
				audit: [],
			});
			expect(await ids({ limit: 10, ...query })).toEqual(found);
			expect(await ids({ limit: 1, ...query })).toEqual(found.slice(0, 1));
		});
	}

	it("finds the newest task with a dedup key in a namespace, unless it ended too long ago", async () => {
		const withKey = (n: number, namespace: string) => {
			const task = ended(n, { namespace });
			return { ...task, submission: { ...task.submission, dedupKey: "deploy" } };
		};
		await history.apply({ sequence: 1, tasks: [withKey(1, "default"), withKey(2, "default"), withKey(3, "other"), ended(4)], audit: [] });
		expect((await history.findByDedupKey("default", "deploy", 0))?.id).toBe(ended(2).id);
		expect(await history.findByDedupKey("default", "deploy", 1003)).toBeUndefined();
		expect(await history.findByDedupKey("default", "other", 0)).toBeUndefined();
	});

	it("pages the audit newest first", async () => {
		for (let n = 1; n <= 3; n++) await history.apply({ sequence: n, tasks: [], audit: [audit(n, "first"), audit(n, "second")] });
		const first = await history.audit({ limit: 4 });
		expect(first.items.map((item) => `${item.sequence} ${item.action}`)).toEqual(["3 second", "3 first", "2 second", "2 first"]);
		expect((await history.audit({ limit: 4, cursor: first.next! })).items).toEqual([audit(1, "second"), audit(1, "first")]);
	});

	it("refuses a cursor that it did not give", async () => {
		for (const cursor of ["", "!", "1.2.3", "zzzzzzzzzzz", "'; DROP TABLE task"])
			await expect(history.list({ limit: 1, cursor }), cursor).rejects.toMatchObject({ code: "bad_request" });
	});

	it("is rebuilt by applying the journal again: nothing doubled, and nothing lost that the journal no longer holds", async () => {
		await history.apply({ sequence: 1, tasks: [ended(1)], audit: [audit(1, "old")] });
		await history.apply({ sequence: 2, tasks: [ended(2)], audit: [audit(2, "kept")] });
		await history.reset();
		expect(history.appliedSequence).toBe(0);
		await history.apply({ sequence: 2, tasks: [ended(2)], audit: [audit(2, "kept")] });
		expect(await ids({ limit: 10 })).toEqual([2, 1]);
		expect((await history.audit({ limit: 10 })).items).toHaveLength(2);
		expect(await history.counts()).toEqual({ byOutcome: { passed: 2 } });
	});

	it("drops the oldest by number and by age", async () => {
		await history.apply({ sequence: 1, tasks: Array.from({ length: 1200 }, (_, n) => ended(n)), audit: [audit(1, "old")] });
		expect(await history.trim({ rowsMax: 100, ageMaxMs: 1e12, now: 1e12 })).toBe(1100);
		expect(await ids({ limit: 2000 })).toEqual(Array.from({ length: 100 }, (_, n) => 1199 - n));
		expect(await history.trim({ rowsMax: 100, ageMaxMs: 1000, now: 1000 + 1150 + 1000 })).toBe(50);
		expect((await history.audit({ limit: 1 })).items).toEqual([]);
		expect(await ids({ limit: 2000, text: "task 1149" })).toEqual([]);
		expect((await history.counts()).byOutcome).toEqual({ passed: 50 });
	});

	it("closes twice without harm and refuses everything afterwards", async () => {
		await Promise.all([history.close(), history.close()]);
		await expect(history.get("t_x")).rejects.toMatchObject({ code: "unavailable" });
	});
});

describe("a history file", () => {
	it("of another layout is rebuilt with everything it held", async () => {
		await history.apply({ sequence: 3, tasks: [ended(1), ended(2)], audit: [audit(3, "drain")] });
		await history.close();
		const old = new DatabaseSync(file);
		old.exec("PRAGMA user_version = 99; DROP INDEX task_by_submitter; DROP TABLE words; ALTER TABLE task DROP COLUMN submitter");
		old.close();
		const lines = await reopen();
		expect(lines).toMatch(/rebuilt/);
		expect(history.appliedSequence).toBe(3);
		expect(await ids({ limit: 10, text: "task", submitter: "grace" })).toEqual([2, 1]);
		expect((await history.audit({ limit: 10 })).items).toEqual([audit(3, "drain")]);
	});

	it("that is damaged is set aside, and a new one starts empty", async () => {
		await history.close();
		await writeFile(file, Buffer.alloc(8192, "noise"));
		expect(await reopen()).toMatch(/set aside/);
		expect(history.appliedSequence).toBe(0);
		expect(await readdir(directory)).toContain("history.db.damaged");
		await history.apply({ sequence: 1, tasks: [ended(1)], audit: [] });
		expect(await ids({ limit: 10 })).toEqual([1]);
	});
});

/** @returns what was logged. */
async function reopen(): Promise<string> {
	await history.close();
	let lines = "";
	const logger = createLogger({ level: "debug", format: "json", now: () => 0, write: (line) => (lines += line) });
	history = await openSqliteHistory({ file, logger });
	return lines;
}

async function ids(query: HistoryQuery, from: History = history): Promise<number[]> {
	return (await from.list(query)).items.map(numberOf);
}

function numberOf(task: TaskView): number {
	return Number(task.id.slice(2));
}

/** Task `n`, ended at 1000 + n. */
function ended(n: number, changes: Partial<TaskView> = {}, command: readonly string[] = ["true"], worker = "swan"): TaskView {
	const endedAt = changes.endedAt ?? 1000 + n;
	return {
		id: `t_${String(n).padStart(26, "0")}`,
		type: "run",
		namespace: "default",
		title: `task ${n}`,
		status: "done",
		submitter: "grace",
		priority: 0,
		createdAt: 500,
		updatedAt: endedAt,
		endedAt,
		outcome: "passed",
		exitCode: 0,
		submission: TaskSubmission.parse({ payload: { command: [...command] } }),
		asks: [],
		attempt: 1,
		attempts: [{ number: 1, worker, claimedAt: 600, startedAt: 700, endedAt }],
		cancelRequested: false,
		...changes,
	};
}

function audit(sequence: number, action: string): AuditEvent {
	return { type: "audit", sequence, at: sequence, actor: "grace", action, subject: "swan" };
}
