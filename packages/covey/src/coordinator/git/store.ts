import { lstat, readdir } from "node:fs/promises";
import { join } from "node:path";
import { CoveyError } from "@covey/protocol/errors";
import { Namespace, ObjectId, RepositoryId } from "@covey/protocol/ids";
import { noSpace, runGit } from "#host/git/git.ts";
import { loosePath, snapshotCommit } from "#host/git/object.ts";
import { type Pack, packObjects } from "#host/git/pack.ts";
import { readAhead } from "#host/git/read-ahead.ts";
import { smallPackLimits } from "#host/git/small-pack.ts";
import { unpack } from "#host/git/unpack.ts";
import { unpackSmall } from "#host/git/unpack-small.ts";
import { createPackCache } from "./pack-cache.ts";
import { openQuarantine, type Quarantine } from "./quarantine.ts";
import { createStoredRepository, openStoredRepository, type StoredRepository } from "./stored-repository.ts";
import { tidy } from "./tidy.ts";

/** Names a repository of the store. Objects are never shared between namespaces. */
export interface RepositoryKey {
	readonly namespace: string;
	readonly repository: string;
}

/**
 * The snapshots that clients sent and workers fetch: one bare repository per namespace and repository id, one ref per
 * snapshot. A cache in spirit, yet an acknowledged snapshot is on disk and stays while it is pinned.
 *
 * Invariant: whatever object is in a repository, everything that it refers to is there too. `receive` keeps it by
 * checking a pack in memory or in a quarantine before any of it is moved in, and `maintain` by removing all that is
 * unreachable at once.
 */
export interface SnapshotStore {
	/** Is it here? Counts as use. Answers from memory. */
	has(key: RepositoryKey, commit: string): Promise<boolean>;
	/** Snapshot commits of this repository, last used first. */
	bases(key: RepositoryKey, limit?: number): Promise<readonly string[]>;
	/**
	 * Takes a snapshot in. `bases` are what the client packed against, if it says so. Concurrent calls are safe.
	 * @throws CoveyError `bad_request` (commit is not the snapshot commit of tree), `bad_snapshot` (the pack does not
	 * hold it, is malformed, dangerous or incomplete), `too_large`. A failure leaves nothing behind.
	 */
	receive(key: RepositoryKey, snapshot: IncomingSnapshot, signal?: AbortSignal): Promise<{ readonly bytes: number }>;
	/** A pack of the snapshot for a worker that has the commits `haves`. @throws CoveyError `not_found`. */
	pack(key: RepositoryKey, commit: string, haves: readonly string[], signal?: AbortSignal): Promise<Pack>;
	/** While pinned a snapshot is not dropped. Pins are counted, and forgotten when the process ends. */
	pin(key: RepositoryKey, commit: string): void;
	unpin(key: RepositoryKey, commit: string): void;
	/** The bare repository, for read-only git. @throws CoveyError `not_found`. */
	directory(key: RepositoryKey): Promise<string>;
	/** Drops snapshots beyond the limits and the objects that only they needed. Uploads to that repository wait meanwhile. */
	maintain(signal?: AbortSignal): Promise<{ readonly dropped: number }>;
}

export interface IncomingSnapshot {
	readonly commit: string;
	readonly tree: string;
	/** What the pack is thin against. Absent: not known, so it is not handed on as it is. */
	readonly bases?: readonly string[];
	readonly content: AsyncIterable<Uint8Array>;
}

export interface SnapshotStoreOptions {
	readonly directory: string;
	readonly now: () => number;
	readonly packBytesMax?: number;
	/** Snapshots kept per repository, beyond the pinned ones. */
	readonly snapshotsMax?: number;
	readonly snapshotAgeMaxMs?: number;
	/** Uploaded packs kept in memory, to be handed on as they are. */
	readonly packCacheBytesMax?: number;
}

export const storeDefaults = {
	packBytesMax: 4 * 1024 * 1024 * 1024,
	snapshotsMax: 200,
	snapshotAgeMaxMs: 14 * 24 * 3600 * 1000,
	packCacheBytesMax: 64 * 1024 * 1024,
};

export function createSnapshotStore(options: SnapshotStoreOptions): SnapshotStore {
	const settings = { ...storeDefaults, ...options };
	const packs = createPackCache(settings.packCacheBytesMax);
	/** Opened once each; a promise, so that concurrent callers share the opening. */
	const opened = new Map<string, Promise<StoredRepository | undefined>>();
	const receiving = new Map<string, Promise<{ bytes: number }>>();
	const pins = new Map<string, number>();

	const remember = (directory: string, opening: Promise<StoredRepository | undefined>) => {
		opened.set(directory, opening);
		opening.catch(() => opened.delete(directory));
		return opening;
	};
	const open = (key: RepositoryKey): Promise<StoredRepository | undefined> => {
		const directory = directoryOf(settings.directory, key);
		return opened.get(directory) ?? remember(directory, openStoredRepository(directory));
	};
	const openOrCreate = async (key: RepositoryKey, idLength: number): Promise<StoredRepository> => {
		const directory = directoryOf(settings.directory, key);
		for (;;) {
			const opening = open(key);
			const existing = await opening;
			if (existing) return existing;
			// Of many who found nothing, one makes it.
			if (opened.get(directory) === opening) void remember(directory, createStoredRepository(directory, idLength));
		}
	};
	const require = async (key: RepositoryKey, commit?: string): Promise<StoredRepository> => {
		const stored = await open(key);
		if (stored && (commit === undefined || stored.usedAt.has(commit))) return stored;
		const what = commit === undefined ? `repository ${key.repository}` : `snapshot ${commit} of repository ${key.repository}`;
		throw new CoveyError("not_found", `${what} is not here`, { hint: "send the snapshot again" });
	};

	async function take(key: RepositoryKey, snapshot: IncomingSnapshot, signal?: AbortSignal): Promise<{ bytes: number }> {
		const { commit, bases } = snapshot;
		const stored = await openOrCreate(key, commit.length);
		return stored.shared(async () => {
			const copy = packs.tee(snapshot.content);
			const { head, ended, rest } = await readAhead(copy.content, Math.min(smallPackLimits.bytes, settings.packBytesMax) + 1);
			const bytes =
				ended && (await unpackSmall(stored.directory, head, { want: commit, strict: true }))
					? head.length
					: await takeByGit(stored.directory, commit, rest, signal);
			await stored.add(commit, settings.now()).catch((error: NodeJS.ErrnoException) => {
				throw error.code === "ENOSPC" ? noSpace(stored.directory) : error;
			});
			if (bases) copy.keep(nameOf(key, commit), bases);
			return { bytes };
		});
	}

	async function takeByGit(directory: string, commit: string, content: AsyncIterable<Uint8Array>, signal?: AbortSignal): Promise<number> {
		const quarantine = await openQuarantine(directory);
		try {
			const { environment } = quarantine;
			const { bytes } = await unpack({ directory, environment, content, bytesMax: settings.packBytesMax, strict: true, signal });
			await requireCommit(directory, quarantine, commit);
			await quarantine.accept();
			return bytes;
		} finally {
			await quarantine.discard();
		}
	}

	return {
		async has(key, commit) {
			const stored = await open(key);
			if (!stored?.usedAt.has(commit)) return false;
			stored.touch(commit, settings.now());
			return true;
		},
		async bases(key, limit = 32) {
			const stored = await open(key);
			if (!stored) return [];
			const newest = [...stored.usedAt].sort(([, a], [, b]) => b - a);
			return newest.slice(0, limit).map(([commit]) => commit);
		},
		async receive(key, snapshot, signal) {
			checkIncoming(key, snapshot);
			const name = nameOf(key, snapshot.commit);
			for (let other = receiving.get(name); other; other = receiving.get(name)) await other.catch(() => {});
			const taking = take(key, snapshot, signal);
			receiving.set(name, taking);
			try {
				return await taking;
			} finally {
				receiving.delete(name);
			}
		},
		async pack(key, commit, haves, signal) {
			const stored = await require(key, commit);
			stored.touch(commit, settings.now());
			const kept = packs.find(nameOf(key, commit), haves);
			if (kept) return kept;
			const bases = haves.filter((have) => stored.usedAt.has(have)).slice(0, 2);
			const environment = { GIT_DIR: stored.directory };
			return { bases, content: packObjects({ trust: "own", directory: stored.directory, environment, want: commit, bases, signal }) };
		},
		pin(key, commit) {
			const name = nameOf(key, commit);
			pins.set(name, (pins.get(name) ?? 0) + 1);
		},
		unpin(key, commit) {
			const name = nameOf(key, commit);
			const left = (pins.get(name) ?? 0) - 1;
			if (left > 0) pins.set(name, left);
			else pins.delete(name);
		},
		async directory(key) {
			return (await require(key)).directory;
		},
		async maintain(signal) {
			let dropped = 0;
			for (const key of await listRepositories(settings.directory)) {
				const stored = await open(key);
				if (!stored) continue;
				const pinned = (commit: string) => pins.has(`${stored.directory} ${commit}`);
				dropped += await stored.exclusive(() => tidy(stored, pinned, settings, signal));
			}
			return { dropped };
		},
	};

	function nameOf(key: RepositoryKey, commit: string): string {
		return `${directoryOf(settings.directory, key)} ${commit}`;
	}
}

function directoryOf(root: string, key: RepositoryKey): string {
	if (!Namespace.safeParse(key.namespace).success || !RepositoryId.safeParse(key.repository).success) {
		throw new CoveyError("bad_request", `${JSON.stringify(`${key.namespace}/${key.repository}`)} does not name a repository`);
	}
	return join(root, key.namespace, `${key.repository}.git`);
}

async function listRepositories(root: string): Promise<readonly RepositoryKey[]> {
	const keys: RepositoryKey[] = [];
	for (const namespace of await readdir(root).catch(() => [])) {
		for (const name of await readdir(join(root, namespace))) {
			if (/^[0-9a-f]{32}\.git$/.test(name)) keys.push({ namespace, repository: name.slice(0, 32) });
		}
	}
	return keys;
}

/** The commit is a function of the tree, so that it is the right one is known before a byte has come. */
function checkIncoming(key: RepositoryKey, { commit, tree, bases = [] }: IncomingSnapshot): void {
	for (const id of [commit, tree, ...bases]) {
		if (!ObjectId.safeParse(id).success) throw new CoveyError("bad_request", `${JSON.stringify(id)} is not a git object id`);
	}
	const expected = snapshotCommit(tree).commit;
	if (commit === expected) return;
	throw new CoveyError("bad_request", `${commit} is not the snapshot commit of tree ${tree} in ${key.repository}; that is ${expected}`);
}

/** The strict unpacking has proved that everything which came is complete; so if the commit came, all of the snapshot is here. */
async function requireCommit(directory: string, quarantine: Quarantine, commit: string): Promise<void> {
	if (await lstat(loosePath(quarantine.objects, commit)).catch(() => undefined)) return;
	const environment = { GIT_DIR: directory, ...quarantine.environment };
	const { exitCode } = await runGit({ trust: "own", directory, environment, arguments: ["cat-file", "-e", commit] });
	if (exitCode !== 0) throw new CoveyError("bad_snapshot", `the pack does not hold the snapshot commit ${commit}`);
}
