import { rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { CoveyError } from "@covey/protocol/errors";
import { createBareRepository, dropUnreachable, listSnapshotRefs, removeSnapshotRef, writeSnapshotRef } from "#host/git/bare.ts";
import { readAhead } from "#host/git/read-ahead.ts";
import { smallPackLimits } from "#host/git/small-pack.ts";
import { unpack } from "#host/git/unpack.ts";
import { unpackSmall } from "#host/git/unpack-small.ts";
import { createSharedLock } from "#kit/shared-lock.ts";
import { persist } from "#worker/persist.ts";

/** Streams a thin pack of one snapshot to a worker that has the commits `have`. */
export type FetchPack = (have: readonly string[], signal?: AbortSignal) => AsyncIterable<Uint8Array> | Promise<AsyncIterable<Uint8Array>>;

/** All objects of one repository on this worker, shared by its worktrees. Explicit objects only: there is no FETCH_HEAD to share. */
export interface ObjectStore {
	readonly objects: string;
	/** Rises with each `reset`. */
	readonly generation: number;
	/**
	 * Sees to it that the snapshot is here. Concurrent calls for one commit share one fetch, which goes on as long as
	 * anybody waits for it. @throws what `fetchPack` throws; CoveyError `bad_snapshot` for a bad pack.
	 */
	ensure(commit: string, fetchPack: FetchPack, signal?: AbortSignal): Promise<void>;
	/** When many snapshots have gathered, drops the oldest that are not in `keep`, and the objects that only they needed. */
	tidy(keep: ReadonlyMap<string, unknown>): Promise<void>;
	/** Throws everything away, for a store that turned out to be damaged; only once per generation, however many saw the damage. */
	reset(generationSeen: number): Promise<void>;
}

/** Commits named to the coordinator as known, newest first. */
const haveMax = 32;
const snapshotsMax = 100;

export async function openObjectStore(directory: string, idLength: number, packBytesMax: number): Promise<ObjectStore> {
	await createBareRepository(directory, idLength);
	const complete = await listSnapshots(directory);
	const fetching = new Map<string, Promise<void>>();
	const lock = createSharedLock();
	let generation = 0;
	let damaged = false;
	let replacing: Promise<void> | undefined;

	/** A damaged store is nobody's until it is replaced: what failed once is tried again by whoever comes next. */
	async function heal(): Promise<void> {
		if (!damaged) return;
		replacing ??= lock.exclusive(async () => {
			complete.clear();
			await replace(directory, idLength);
			damaged = false;
		});
		const own = replacing;
		await own.finally(() => {
			if (replacing === own) replacing = undefined;
		});
	}

	/** Holds the lock until the snapshot has a name, too; `here` is called as soon as its objects are there. */
	async function fetch(commit: string, fetchPack: FetchPack, here: () => void, signal?: AbortSignal): Promise<void> {
		const have = [...complete].slice(-haveMax).reverse();
		const take = (known: readonly string[]) => persist(async () => unpackInto(await fetchPack(known, signal), commit, signal), signal);
		await take(have).catch(async (error) => {
			if (have.length === 0 || !(error instanceof CoveyError) || error.code !== "bad_snapshot") throw error;
			// What the pack builds on is not what is here: ask for all of it.
			await take([]);
		});
		complete.add(commit);
		here();
		// Beside the checkout. Without its name it is fetched again after a restart, and after the next tidying.
		await writeSnapshotRef(directory, commit).catch(() => complete.delete(commit));
	}

	/** The tree is proved after checkout, object by object; strictness here would only say the same sooner and cost time. */
	async function unpackInto(content: AsyncIterable<Uint8Array>, commit: string, signal?: AbortSignal): Promise<void> {
		const { head, ended, rest } = await readAhead(content, smallPackLimits.bytes + 1);
		if (ended && (await unpackSmall(directory, head, { want: commit, strict: false }))) return;
		await unpack({ directory, content: rest, bytesMax: packBytesMax, strict: false, signal });
	}

	return {
		objects: join(directory, "objects"),
		get generation() {
			return generation;
		},
		async ensure(commit, fetchPack, signal) {
			await heal();
			for (;;) {
				signal?.throwIfAborted();
				if (complete.has(commit)) return;
				const other = fetching.get(commit);
				if (!other) break;
				// If it fails, it may be that only its own caller gave up: then it is our turn.
				await other.catch(() => {});
			}
			const { promise, resolve, reject } = Promise.withResolvers<void>();
			lock.shared(() => fetch(commit, fetchPack, resolve, signal)).catch(reject);
			fetching.set(commit, promise);
			try {
				await promise;
			} finally {
				fetching.delete(commit);
			}
		},
		async tidy(keep) {
			if (complete.size <= snapshotsMax) return;
			await lock.exclusive(async () => {
				const surplus = [...complete].slice(0, -snapshotsMax / 2).filter((commit) => !keep.has(commit));
				for (const commit of surplus) {
					complete.delete(commit);
					await removeSnapshotRef(directory, commit);
				}
				await dropUnreachable(directory);
			});
		},
		async reset(generationSeen) {
			if (generationSeen === generation) {
				generation++;
				damaged = true;
			}
			await heal();
		},
	};
}

async function replace(directory: string, idLength: number): Promise<void> {
	const old = `${directory}.damaged`;
	await rm(old, { recursive: true, force: true });
	// An earlier try may have come this far.
	await rename(directory, old).catch((error) => {
		if (error.code !== "ENOENT") throw error;
	});
	await createBareRepository(directory, idLength);
	await rm(old, { recursive: true, force: true });
}

/** Oldest first. */
async function listSnapshots(directory: string): Promise<Set<string>> {
	const written = await listSnapshotRefs(directory);
	return new Set([...written].sort(([, a], [, b]) => a - b).map(([commit]) => commit));
}
