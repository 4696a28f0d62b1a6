import { stat } from "node:fs/promises";
import { createBareRepository, listSnapshotRefs, removeSnapshotRef, writeSnapshotRef } from "#host/git/bare.ts";
import { createSharedLock, type SharedLock } from "#kit/shared-lock.ts";
import { settleQuarantines } from "./quarantine.ts";

/** One bare repository of the store, and what is known of it in memory. Uploads share it; maintenance has it alone. */
export interface StoredRepository extends SharedLock {
	readonly directory: string;
	/** Snapshot commit → when it was last used. */
	readonly usedAt: ReadonlyMap<string, number>;
	touch(commit: string, now: number): void;
	add(commit: string, now: number): Promise<void>;
	remove(commit: string): Promise<void>;
}

/** @returns undefined when it does not exist. */
export async function openStoredRepository(directory: string): Promise<StoredRepository | undefined> {
	if (!(await stat(directory).catch(() => undefined))) return undefined;
	await settleQuarantines(directory);
	const usedAt = await listSnapshotRefs(directory);
	return {
		directory,
		usedAt,
		touch(commit, now) {
			usedAt.set(commit, now);
		},
		async add(commit, now) {
			await writeSnapshotRef(directory, commit);
			usedAt.set(commit, now);
		},
		async remove(commit) {
			usedAt.delete(commit);
			await removeSnapshotRef(directory, commit);
		},
		...createSharedLock(),
	};
}

export async function createStoredRepository(directory: string, idLength: number): Promise<StoredRepository> {
	await createBareRepository(directory, idLength);
	const created = await openStoredRepository(directory);
	if (!created) throw new Error(`${directory} vanished while it was made`);
	return created;
}
