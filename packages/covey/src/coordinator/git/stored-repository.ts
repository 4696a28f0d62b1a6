import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { createBareRepository, removeSnapshotRef, snapshotRefs, writeSnapshotRef } from "#host/git/bare.ts";
import { settleQuarantines } from "./quarantine.ts";

/** One bare repository of the store, and what is known of it in memory: which snapshots it has and when each was used. */
export interface StoredRepository {
	readonly directory: string;
	/** Snapshot commit → when it was last used. */
	readonly usedAt: ReadonlyMap<string, number>;
	touch(commit: string, now: number): void;
	add(commit: string, now: number): Promise<void>;
	remove(commit: string): Promise<void>;
	/** Runs uploads side by side, and maintenance alone. */
	shared<T>(work: () => Promise<T>): Promise<T>;
	exclusive<T>(work: () => Promise<T>): Promise<T>;
}

/** @returns undefined when it does not exist. */
export async function openStoredRepository(directory: string): Promise<StoredRepository | undefined> {
	if (!(await stat(directory).catch(() => undefined))) return undefined;
	await settleQuarantines(directory);
	const usedAt = new Map<string, number>();
	for (const commit of await readdir(join(directory, snapshotRefs)).catch(() => [])) {
		usedAt.set(commit, (await stat(join(directory, snapshotRefs, commit))).mtimeMs);
	}
	const lock = createSharedLock();
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
		...lock,
	};
}

export async function createStoredRepository(directory: string, idLength: number): Promise<StoredRepository> {
	await createBareRepository(directory, idLength);
	const created = await openStoredRepository(directory);
	if (!created) throw new Error(`${directory} vanished while it was made`);
	return created;
}

function createSharedLock(): Pick<StoredRepository, "shared" | "exclusive"> {
	const sharing = new Set<Promise<unknown>>();
	let alone: Promise<unknown> | undefined;
	return {
		async shared(work) {
			while (alone) await alone;
			const running = work();
			const settled = running.catch(() => {});
			sharing.add(settled);
			try {
				return await running;
			} finally {
				sharing.delete(settled);
			}
		},
		async exclusive(work) {
			while (alone) await alone;
			const running = Promise.all(sharing).then(work);
			alone = running.catch(() => {});
			try {
				return await running;
			} finally {
				alone = undefined;
			}
		},
	};
}
