import { afterEach, describe, expect, it } from "vitest";
import type { RecordChange } from "#core/record.ts";
import type { Journal, JournalEntry } from "#ports/journal.ts";

/** One place where a journal can live: opened again and again, as after a restart. */
export interface JournalPlace {
	readonly open: () => Promise<Journal>;
	readonly cleanUp: () => Promise<void>;
}

/** What every journal adapter must do. `createPlace` gives an empty place of its own to each test. */
export function describeJournal(name: string, createPlace: () => Promise<JournalPlace>): void {
	describe(`${name} journal`, () => {
		const cleanups: (() => Promise<void>)[] = [];
		afterEach(async () => {
			for (const cleanUp of cleanups.splice(0).reverse()) await cleanUp();
		});
		async function place(): Promise<JournalPlace> {
			const created = await createPlace();
			cleanups.push(() => created.cleanUp());
			return {
				cleanUp: created.cleanUp,
				async open() {
					const journal = await created.open();
					cleanups.push(() => journal.close());
					return journal;
				},
			};
		}
		const never = new AbortController().signal;

		it("starts empty, at sequence 0", async () => {
			const journal = await (await place()).open();
			expect(journal.tail).toBe(0);
			expect(await all(journal.recover())).toEqual([]);
			expect(await journal.size()).toMatchObject({ entries: 0, snapshotSequence: 0 });
		});

		it("stores each append as one entry, and gives all back in order after it is opened again", async () => {
			const { open } = await place();
			const first = await open();
			expect(await first.append(0, [task("a", 1), task("b", 1)])).toEqual({ kind: "stored", sequence: 1 });
			expect(await first.append(1, [task("a", 2)])).toEqual({ kind: "stored", sequence: 2 });
			expect(await first.append(2, [])).toEqual({ kind: "stored", sequence: 3 });
			expect(first.tail).toBe(3);
			await first.close();

			const second = await open();
			expect(second.tail).toBe(3);
			expect(await all(second.recover())).toEqual([entry(1, [task("a", 1), task("b", 1)]), entry(2, [task("a", 2)]), entry(3, [])]);
		});

		it("keeps any JSON exactly: other alphabets, quotes, NUL, lone surrogates, null and deep values", async () => {
			const { open } = await place();
			const changes: RecordChange[] = [
				{
					kind: "task",
					id: "ü→😀",
					version: 1,
					value: { text: 'a"\\\0\n\u2028\ud800', deep: [[[{ x: null }]]], big: 2 ** 53, small: 1e-9 },
				},
				{ kind: "spec", id: "gone", version: 1, value: null },
			];
			const first = await open();
			await first.append(0, changes);
			await first.close();
			expect(await all((await open()).recover())).toEqual([entry(1, changes)]);
		});

		it("refuses an append whose expected tail is not the tail, and stores nothing of it", async () => {
			const journal = await (await place()).open();
			await journal.append(0, [task("a", 1)]);
			expect(await journal.append(0, [task("stale", 1)])).toEqual({ kind: "conflict" });
			expect(await journal.append(5, [task("ahead", 1)])).toEqual({ kind: "conflict" });
			expect(await all(journal.read(0))).toEqual([entry(1, [task("a", 1)])]);
			expect(await journal.append(1, [task("b", 1)])).toEqual({ kind: "stored", sequence: 2 });
		});

		it("reads what comes after a sequence, also while it is appended to", async () => {
			const journal = await (await place()).open();
			for (let n = 0; n < 20; n++) await journal.append(n, [task("a", n)]);
			const reading = all(journal.read(15));
			const appended = await journal.append(20, [task("a", 20)]);
			expect(appended).toEqual({ kind: "stored", sequence: 21 });
			const sequences = (await reading).map((read) => read.sequence);
			expect(sequences.slice(0, 5)).toEqual([16, 17, 18, 19, 20]);
			expect(await all(journal.read(21))).toEqual([]);
		});

		it("recovers from the snapshot and the entries after it", async () => {
			const { open } = await place();
			const first = await open();
			for (let n = 0; n < 5; n++) await first.append(n, [task("a", n)]);
			const records = Array.from({ length: 3000 }, (_, n) => task(`t${n}`, n));
			await first.putSnapshot(3, records, never);
			expect(await first.size()).toMatchObject({ snapshotSequence: 3 });
			await first.close();

			const recovered = await all((await open()).recover());
			const chunks = recovered.filter((read) => read.snapshot);
			expect(chunks.every((chunk) => chunk.sequence === 3)).toBe(true);
			expect(chunks.flatMap((chunk) => chunk.changes)).toEqual(records);
			expect(recovered.filter((read) => !read.snapshot)).toEqual([entry(4, [task("a", 3)]), entry(5, [task("a", 4)])]);
			expect(recovered.findIndex((read) => !read.snapshot)).toBe(chunks.length);
		});

		it("replaces the older snapshot by the newer, and can hold an empty one", async () => {
			const { open } = await place();
			const first = await open();
			for (let n = 0; n < 4; n++) await first.append(n, [task("a", n)]);
			await first.putSnapshot(2, [task("old", 1)], never);
			await first.putSnapshot(4, [], never);
			await first.close();
			const recovered = await all((await open()).recover());
			expect(recovered.flatMap((read) => read.changes)).toEqual([]);
			expect(recovered.every((read) => read.snapshot && read.sequence === 4)).toBe(true);
		});

		it("keeps the older snapshot when a newer one is given up half-way or its records fail", async () => {
			const { open } = await place();
			const first = await open();
			for (let n = 0; n < 4; n++) await first.append(n, [task("a", n)]);
			await first.putSnapshot(2, [task("old", 1)], never);

			const abort = new AbortController();
			function* abortedHalfway() {
				for (let n = 0; n < 100_000; n++) {
					if (n === 5000) abort.abort(new Error("enough"));
					yield task(`t${n}`, n);
				}
			}
			await expect(first.putSnapshot(4, abortedHalfway(), abort.signal)).rejects.toThrow("enough");
			function* failing() {
				yield task("x", 1);
				throw new Error("the state is broken");
			}
			await expect(first.putSnapshot(4, failing(), never)).rejects.toThrow("the state is broken");
			expect(await first.append(4, [task("a", 4)])).toEqual({ kind: "stored", sequence: 5 });
			await first.close();

			const recovered = await all((await open()).recover());
			expect(recovered.map((read) => read.sequence)).toEqual([2, 3, 4, 5]);
			expect(recovered[0]?.changes).toEqual([task("old", 1)]);
		});

		it("appends while a snapshot is being stored", async () => {
			const journal = await (await place()).open();
			await journal.append(0, [task("a", 0)]);
			const records = Array.from({ length: 5000 }, (_, n) => task(`t${n}`, n));
			const storing = journal.putSnapshot(1, records, never);
			for (let n = 1; n < 20; n++) expect(await journal.append(n, [task("a", n)])).toEqual({ kind: "stored", sequence: n + 1 });
			await storing;
			const recovered = await all(journal.recover());
			expect(recovered.filter((read) => read.snapshot).flatMap((read) => read.changes)).toEqual(records);
			expect(recovered.filter((read) => !read.snapshot)).toHaveLength(19);
		});

		it("drops entries up to a sequence that the snapshot covers, and says so to who asks for them", async () => {
			const { open } = await place();
			const first = await open();
			for (let n = 0; n < 6; n++) await first.append(n, [task("a", n)]);
			await first.putSnapshot(4, [task("a", 3)], never);
			await first.truncate(3);
			await first.truncate(2);
			expect(await first.size()).toMatchObject({ entries: 3, snapshotSequence: 4 });
			await first.close();

			const second = await open();
			expect(second.tail).toBe(6);
			await expect(all(second.read(2))).rejects.toMatchObject({ reason: "truncated" });
			expect((await all(second.read(3))).map((read) => read.sequence)).toEqual([4, 5, 6]);
			expect((await all(second.recover())).map((read) => read.sequence)).toEqual([4, 5, 6]);
			expect(await second.append(6, [task("a", 6)])).toEqual({ kind: "stored", sequence: 7 });
		});

		it("goes on at the same sequence when everything has been truncated", async () => {
			const { open } = await place();
			const first = await open();
			for (let n = 0; n < 3; n++) await first.append(n, [task("a", n)]);
			await first.putSnapshot(3, [task("a", 2)], never);
			await first.truncate(3);
			await first.close();

			const second = await open();
			expect(second.tail).toBe(3);
			expect(await second.append(2, [])).toEqual({ kind: "conflict" });
			expect(await second.append(3, [task("b", 1)])).toEqual({ kind: "stored", sequence: 4 });
			expect((await all(second.recover())).map((read) => read.sequence)).toEqual([3, 4]);
		});

		it("refuses to truncate what no snapshot covers", async () => {
			const journal = await (await place()).open();
			await journal.append(0, [task("a", 0)]);
			await expect(journal.truncate(1)).rejects.toThrow("not covered by the snapshot");
			expect(await all(journal.read(0))).toHaveLength(1);
		});

		it("closes twice without harm, and refuses everything afterwards", async () => {
			const journal = await (await place()).open();
			await Promise.all([journal.close(), journal.close()]);
			await journal[Symbol.asyncDispose]();
			await expect(journal.append(0, [])).rejects.toMatchObject({ reason: "closed" });
			await expect(all(journal.read(0))).rejects.toMatchObject({ reason: "closed" });
		});
	});
}

/** A record for tests. */
export function task(id: string, revision: number): RecordChange {
	return { kind: "task", id, version: 1, value: { revision } };
}

export async function all(entries: AsyncIterable<JournalEntry>): Promise<JournalEntry[]> {
	return Array.fromAsync(entries);
}

function entry(sequence: number, changes: readonly RecordChange[]): JournalEntry {
	return { sequence, snapshot: false, changes };
}
