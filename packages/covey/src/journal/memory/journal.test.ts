import { describe, expect, it } from "vitest";
import { all, describeJournal, task } from "#journal/journal.suite.ts";
import { createMemoryDisk } from "./disk.ts";
import { type AppendFault, openMemoryJournal } from "./journal.ts";

describeJournal("memory", async () => {
	const disk = createMemoryDisk();
	return { open: async () => openMemoryJournal({ disk }), cleanUp: async () => {} };
});

describe("faults of the memory journal", () => {
	const cases: readonly { fault: AppendFault; answer: string; recovered: readonly number[] }[] = [
		{ fault: "full", answer: "full", recovered: [1] },
		{ fault: "conflict", answer: "conflict", recovered: [1] },
		{ fault: "lost", answer: "unknown", recovered: [1] },
		{ fault: "kept", answer: "unknown", recovered: [1, 2] },
		{ fault: "torn", answer: "unknown", recovered: [1] },
	];
	for (const { fault, answer, recovered } of cases) {
		it(`answers ${answer} to the append hit by "${fault}", and recovers entries ${recovered.join(", ")}`, async () => {
			const disk = createMemoryDisk();
			const faultOf = (append: number) => (append === 2 ? fault : undefined);
			const journal = openMemoryJournal({ disk, faultOf });
			await journal.append(0, [task("a", 1)]);
			expect((await journal.append(1, [task("a", 2)])).kind).toBe(answer);
			const next = openMemoryJournal({ disk, faultOf });
			expect((await all(next.recover())).map((entry) => entry.sequence)).toEqual(recovered);
			expect((await next.append(next.tail, [task("a", 3)])).kind).toBe("stored");
		});
	}

	it("takes the same append again after a full disk", async () => {
		const journal = openMemoryJournal({ faultOf: (append) => (append === 1 ? "full" : undefined) });
		expect(await journal.append(0, [task("a", 1)])).toEqual({ kind: "full" });
		expect(await journal.append(0, [task("a", 1)])).toEqual({ kind: "stored", sequence: 1 });
	});

	it("never appends again through a handle that has answered unknown", async () => {
		const journal = openMemoryJournal({ faultOf: (append) => (append === 1 ? "lost" : undefined) });
		expect((await journal.append(0, [task("a", 1)])).kind).toBe("unknown");
		expect((await journal.append(0, [task("a", 1)])).kind).toBe("unknown");
	});
});
