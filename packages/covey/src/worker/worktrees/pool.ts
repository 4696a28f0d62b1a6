import { chmod, mkdir, readdir, readFile, rename, rm, statfs } from "node:fs/promises";
import { join } from "node:path";
import { CoveyError } from "@covey/protocol/errors";
import { Namespace, ObjectId, RepositoryId } from "@covey/protocol/ids";
import { wireLimits } from "@covey/protocol/limits";
import { snapshotRefs } from "#host/git/bare.ts";
import { snapshotCommit } from "#host/git/object.ts";
import type { HeldStatus } from "#host/git/status.ts";
import type { Service } from "#kit/service.ts";
import { changesOf } from "./changes.ts";
import { checkout, holdProof, removeJobRepository, type WorktreePlaces } from "./checkout.ts";
import { type FetchPack, type ObjectStore, openObjectStore } from "./object-store.ts";

/**
 * The worktrees of one worker: per repository a shared object store and warm worktrees. A worktree is `taken` by one
 * attempt or `idle`; idle ones are re-pointed to the next snapshot, or evicted, least recently used first. One that
 * could not be re-pointed is thrown away and made anew. Half-made ones (`*.new`) are thrown away at start.
 */
export interface WorktreePool extends Service {
	/**
	 * A worktree that holds exactly the wanted tree. @throws CoveyError `bad_snapshot` when that cannot be had;
	 * whatever `fetchPack` throws.
	 */
	acquire(request: WorktreeRequest): Promise<Worktree>;
	/** Repositories with an object store here, for the worker's offer. */
	warm(): readonly string[];
}

export interface WorktreeRequest {
	readonly namespace: string;
	readonly repository: string;
	readonly commit: string;
	readonly tree: string;
	/** Drop ignored files too. */
	readonly clean: boolean;
	readonly fetchPack: FetchPack;
	readonly signal?: AbortSignal;
}

export interface Worktree extends AsyncDisposable {
	readonly root: string;
	/** As proved; see `checkout`. */
	readonly tree: string;
	/** Milliseconds by phase. */
	readonly timings: { readonly transfer: number; readonly checkout: number; readonly prove: number };
	/** What was changed in it since, as a git patch; see `changesOf`. */
	changes(signal: AbortSignal): Promise<Buffer>;
	/** Gives it back. Nothing may run in it any more. Safe twice. Never rejects. */
	release(): Promise<void>;
}

export interface WorktreePoolOptions {
	readonly directory: string;
	/** Where the worktrees are; by default beside the objects of their repository. */
	readonly trees?: string | undefined;
	/** Idle worktrees kept, over all repositories. Default 16. */
	readonly idleMax?: number;
	/** Idle worktrees are evicted while the disk has less than this. Default 1 GiB. */
	readonly freeBytesMin?: number;
	/** Default 4 GiB. */
	readonly packBytesMax?: number;
}

interface Place {
	readonly key: string;
	readonly repository: string;
	readonly trees: string;
	readonly store: ObjectStore;
	/** Least recently used first. */
	readonly idle: Slot[];
	/** Commit → how many attempts use it. */
	readonly inUse: Map<string, number>;
	made: number;
}

interface Slot {
	readonly directory: string;
	/** Of the last attempt; the nearest is re-pointed. */
	readonly commit: string;
	/** When nothing of the last attempt is under way in it any more; then the next proof has been begun, if it could be. */
	readonly rested?: Promise<HeldStatus | undefined>;
}

const gibibyte = 1024 * 1024 * 1024;

export function createWorktreePool(options: WorktreePoolOptions): WorktreePool {
	const { directory, trees, idleMax = 16, freeBytesMin = gibibyte, packBytesMax = 4 * gibibyte } = options;
	const places = new Map<string, Promise<Place>>();
	const ready = new Map<string, string>();
	let stopped = false;

	const place = (request: Pick<WorktreeRequest, "namespace" | "repository" | "commit">): Promise<Place> => {
		const key = `${request.namespace}/${request.repository}`;
		let opening = places.get(key);
		if (!opening) {
			const home = join(directory, key);
			opening = openPlace({
				key,
				repository: request.repository,
				objects: join(home, "objects.git"),
				trees: trees === undefined ? join(home, "trees") : join(trees, key),
				idLength: request.commit.length,
				packBytesMax,
			});
			places.set(key, opening);
			opening.then(
				() => ready.set(key, request.repository),
				() => places.delete(key),
			);
		}
		return opening;
	};

	/** Points `slot` at the snapshot. Objects that are missing or damaged are fetched again, all of them, once. */
	async function point(at: Place, slot: Slot, request: WorktreeRequest): Promise<Worktree["timings"]> {
		const { commit, fetchPack, signal } = request;
		let transfer = 0;
		using prover = await slot.rested;
		for (let healed = false; ; healed = true) {
			const generation = at.store.generation;
			const started = performance.now();
			await at.store.ensure(commit, fetchPack, signal);
			transfer += performance.now() - started;
			try {
				const places = placesOf(slot.directory, at.store.objects);
				return { transfer, ...(await checkout(places, request, healed ? undefined : prover)) };
			} catch (error) {
				signal?.throwIfAborted();
				if (healed || !isDamage(error)) throw error;
				await at.store.reset(generation);
			}
		}
	}

	async function take(at: Place, request: WorktreeRequest): Promise<{ slot: Slot; timings: Worktree["timings"] }> {
		const slot = takeNearest(at.idle, request.commit);
		if (slot) {
			try {
				return { slot, timings: await point(at, slot, request) };
			} catch {
				// Whatever an earlier job did to it: a new one costs more and cannot fail for the same reason.
				await discard(slot);
				request.signal?.throwIfAborted();
			}
		}
		const final = join(at.trees, `${Date.now().toString(36)}-${at.made++}`);
		const making: Slot = { directory: `${final}.new`, commit: request.commit };
		try {
			await mkdir(join(making.directory, "files"), { recursive: true });
			const timings = await point(at, making, request);
			await rename(making.directory, final);
			return { slot: { directory: final, commit: request.commit }, timings };
		} catch (error) {
			await discard(making);
			throw error;
		}
	}

	async function evict(): Promise<void> {
		const opened = await Promise.all(places.values());
		const idle = () => opened.reduce((sum, at) => sum + at.idle.length, 0);
		while (idle() > 0 && (idle() > idleMax || (await freeBytes(trees ?? directory)) < freeBytesMin)) {
			const fullest = opened.reduce((a, b) => (b.idle.length > a.idle.length ? b : a));
			const oldest = fullest.idle.shift();
			if (oldest) await discard(oldest);
		}
	}

	async function drop(key: string): Promise<void> {
		await rm(join(directory, key), { recursive: true, force: true });
		if (trees !== undefined) await rm(join(trees, key), { recursive: true, force: true });
	}

	async function stop(): Promise<void> {
		stopped = true;
		await dropProofs();
	}

	/** Nothing waits in worktrees that nobody will ask for. */
	async function dropProofs(): Promise<void> {
		for (const { idle } of await Promise.all(places.values())) {
			for (const slot of idle) (await slot.rested)?.[Symbol.dispose]();
		}
	}

	return {
		async start() {
			for (const namespace of await readdir(directory).catch(() => [])) {
				for (const repository of await readdir(join(directory, namespace))) {
					const commit = await anyCommit(join(directory, namespace, repository));
					if (commit) await place({ namespace, repository, commit });
					else await drop(join(namespace, repository));
				}
			}
		},
		stop,
		[Symbol.asyncDispose]: stop,
		async acquire(request) {
			check(request);
			const at = await place(request);
			use(at, request.commit, 1);
			const { slot, timings } = await take(at, request).catch((error) => {
				use(at, request.commit, -1);
				throw error;
			});
			const places = placesOf(slot.directory, at.store.objects);
			let released = false;
			const release = async () => {
				if (released) return;
				released = true;
				use(at, request.commit, -1);
				const rested = rest(places);
				at.idle.push({ directory: slot.directory, commit: request.commit, rested });
				await rested;
				if (stopped) await dropProofs();
				// What ran here has its result: that no room could be made is no part of it, and is tried again at the next release.
				await Promise.allSettled([evict(), at.store.tidy(at.inUse)]);
			};
			return {
				root: places.root,
				tree: request.tree,
				timings,
				changes: (signal) => changesOf(places, request.tree, { bytesMax: wireLimits.patchBytesMax, signal }),
				release,
				[Symbol.asyncDispose]: release,
			};
		},
		warm: () => [...new Set(ready.values())],
	};
}

interface Opening extends Pick<Place, "key" | "repository" | "trees"> {
	readonly objects: string;
	readonly idLength: number;
	readonly packBytesMax: number;
}

async function openPlace({ key, repository, trees, objects, idLength, packBytesMax }: Opening): Promise<Place> {
	await mkdir(trees, { recursive: true });
	const idle: Slot[] = [];
	for (const name of (await readdir(trees)).sort()) {
		const slot = join(trees, name);
		const head = await readFile(join(slot, "books", "HEAD"), "utf8").catch(() => undefined);
		if (name.endsWith(".new") || head === undefined) await discard({ directory: slot });
		else idle.push({ directory: slot, commit: head.trim() });
	}
	const store = await openObjectStore(objects, idLength, packBytesMax);
	return { key, repository, trees, store, idle, inUse: new Map(), made: 0 };
}

/** What the next attempt need not wait for. */
async function rest(places: WorktreePlaces): Promise<HeldStatus | undefined> {
	try {
		await removeJobRepository(places.root);
		return holdProof(places);
	} catch {
		// The next attempt finds out what is wrong with it.
		return undefined;
	}
}

/** Any snapshot's commit of a repository on disk tells how long its ids are. Undefined: nothing of use is there. */
async function anyCommit(directory: string): Promise<string | undefined> {
	const [commit] = await readdir(join(directory, "objects.git", snapshotRefs)).catch(() => []);
	return commit;
}

function use(at: Place, commit: string, by: 1 | -1): void {
	const uses = (at.inUse.get(commit) ?? 0) + by;
	if (uses > 0) at.inUse.set(commit, uses);
	else at.inUse.delete(commit);
}

/** The one that had this very snapshot, else the last used, which is nearest in all likelihood. */
function takeNearest(idle: Slot[], commit: string): Slot | undefined {
	const same = idle.findLastIndex((slot) => slot.commit === commit);
	return idle.splice(same === -1 ? idle.length - 1 : same, 1)[0];
}

function check(request: WorktreeRequest): void {
	const ids = [Namespace, RepositoryId, ObjectId, ObjectId];
	const values = [request.namespace, request.repository, request.commit, request.tree];
	for (const [i, value] of values.entries()) {
		if (!ids[i]?.safeParse(value).success) throw new CoveyError("bad_request", `${JSON.stringify(value)} is not part of a snapshot's name`);
	}
	if (snapshotCommit(request.tree).commit === request.commit) return;
	throw new CoveyError("bad_snapshot", `${request.commit} is not the snapshot commit of tree ${request.tree}`);
}

/** Git's ways to say that an object is missing or not what its name says. */
function isDamage(error: unknown): boolean {
	return (
		error instanceof CoveyError &&
		(error.code === "internal" || error.code === "bad_snapshot") &&
		/unable to read|failed to unpack|corrupt|bad (tree|object)|missing|could not read|not a (tree|valid object)|unresolved delta|inflate/i.test(
			error.message,
		)
	);
}

/** A job may have left directories that nobody may enter. What still cannot be removed is tried again at the next start. */
async function discard({ directory, rested }: Pick<Slot, "directory" | "rested">): Promise<void> {
	(await rested)?.[Symbol.dispose]();
	const condemned = directory.endsWith(".new") ? directory : `${directory}.new`;
	if (condemned !== directory) await rename(directory, condemned);
	await rm(condemned, removal)
		.catch(() => openUp(condemned).then(() => rm(condemned, removal)))
		.catch(() => {});
}

async function openUp(directory: string): Promise<void> {
	await chmod(directory, 0o700);
	for (const entry of await readdir(directory, { withFileTypes: true })) {
		if (entry.isDirectory()) await openUp(join(directory, entry.name));
	}
}

const removal = { recursive: true, force: true, maxRetries: 3 } as const;

async function freeBytes(directory: string): Promise<number> {
	const { bavail, bsize } = await statfs(directory);
	return bavail * bsize;
}

function placesOf(directory: string, objects: string): WorktreePlaces {
	return { root: join(directory, "files"), books: join(directory, "books"), objects };
}
