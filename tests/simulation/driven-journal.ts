import { createFleet, type Fleet, restore } from "#core/fleet.ts";
import type { RecordChange } from "#core/record.ts";
import type { MemoryDisk } from "#journal/memory/disk.ts";
import { type AppendFault, openMemoryJournal } from "#journal/memory/journal.ts";
import type { AppendResult, Journal } from "#ports/journal.ts";
import { leases } from "./coordinator.ts";
import type { Later } from "./driven-timers.ts";
import type { Random } from "./random.ts";

export interface DrivenJournalOptions {
	readonly disk: MemoryDisk;
	readonly later: Later;
	readonly random: Random;
	readonly faultOf: () => AppendFault | undefined;
	/** It says that an entry is stored before it is: a fault of the zoo. */
	readonly lies: boolean;
	/** An entry is on disk now, or could not be put there. */
	readonly appended: (result: AppendResult, changes: readonly RecordChange[]) => void;
	readonly snapshotStored: () => void;
}

/** The memory journal as a disk that takes its time, both to store and to tell. */
export function openDrivenJournal({ later, random, lies, appended, snapshotStored, disk, faultOf }: DrivenJournalOptions): Journal {
	const inner = openMemoryJournal({ disk, faultOf });
	const takeTime = (): Promise<void> => new Promise((resolve) => later(random.skewed(0, 30), resolve));
	const store = async (expected: number, changes: readonly RecordChange[]): Promise<AppendResult> => {
		await takeTime();
		const result = await inner.append(expected, changes);
		appended(result, changes);
		return result;
	};
	return {
		get tail() {
			return inner.tail;
		},
		recover: () => inner.recover(),
		read: (after) => inner.read(after),
		async append(expected, changes) {
			const storing = store(expected, changes);
			if (lies) return { kind: "stored", sequence: expected + 1 };
			const result = await storing;
			await takeTime();
			return result;
		},
		async putSnapshot(...snapshot) {
			await takeTime();
			await inner.putSnapshot(...snapshot);
			snapshotStored();
		},
		async truncate(sequence) {
			await takeTime();
			await inner.truncate(sequence);
		},
		size: () => inner.size(),
		close: () => inner.close(),
		[Symbol.asyncDispose]: () => inner.close(),
	};
}

/** What a process that started now would find. */
export async function readDisk(disk: MemoryDisk): Promise<{ readonly fleet: Fleet; readonly tail: number }> {
	const fleet = createFleet(leases);
	const journal = openMemoryJournal({ disk });
	for await (const entry of journal.recover()) restore(fleet, entry.changes);
	return { fleet, tail: journal.tail };
}
