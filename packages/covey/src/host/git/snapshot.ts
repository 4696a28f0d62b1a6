import { lstat, mkdtemp, readFile, readlink, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, posix, relative, resolve, sep } from "node:path";
import { CoveyError } from "@covey/protocol/errors";
import { objectEnvironment, openSnapshotCache, type SnapshotCache } from "./cache.ts";
import { copyIndex } from "./copy-index.ts";
import { createDelivery, type Delivery } from "./delivery.ts";
import { type GitCall, git, runGit } from "./git.ts";
import { identifyRepository } from "./identity.ts";
import { type IndexFile, parseIndex } from "./index-file.ts";
import { type GitObject, gitObject, snapshotCommit } from "./object.ts";
import { type FileHasher, startFileHasher } from "./plain-files.ts";
import { openPrivateIndex, type PrivateIndex } from "./private-index.ts";
import { quickTree } from "./quick-tree.ts";
import { learnRepository, recallRepository } from "./recall.ts";
import type { Repository } from "./repository.ts";
import {
	escapes,
	lfsPaths,
	mentionsLfs,
	noFacts,
	refuseUnlessAllowed,
	type SnapshotAllowance,
	type TreeFacts,
	treeFacts,
} from "./rules.ts";
import { type GitPath, pathBytes, pathText, readStatus, type Status, type StatusEntry } from "./status.ts";

export interface SnapshotOptions {
	/** Any directory of the worktree. */
	readonly directory: string;
	/** Ours to write; the same for all repositories. */
	readonly cacheDirectory: string;
	/** Ignored files and directories that must travel too, relative to `directory`. */
	readonly include?: readonly string[];
	readonly allow?: readonly SnapshotAllowance[];
	/** One changed or untracked file, in bytes. Default 256 MiB. */
	readonly fileBytesMax?: number;
	readonly signal?: AbortSignal;
}

/** The exact state of a worktree as git objects. Valid as long as the cache keeps them: two days. */
export interface Snapshot extends Delivery {
	/** RepositoryId. */
	readonly repository: string;
	readonly tree: string;
	/** Parentless and a function of the tree: see `snapshotCommit`. */
	readonly commit: string;
	readonly worktreeRoot: string;
	/** Where in the worktree the person stands; empty at the root. */
	readonly prefix: string;
	/** Against HEAD, in files. `untracked` counts included files too. All zero: a clean worktree. */
	readonly changes: Readonly<Record<StatusEntry["kind"], number>>;
	/** What the person should know, a sentence each. */
	readonly notes: readonly string[];
	/** Where the objects are once they are stored: the first is ours, the others are read only. */
	readonly objectDirectories: readonly string[];
	/** Milliseconds by phase: inspect, check, write. */
	readonly timings: Readonly<Record<"inspect" | "check" | "write", number>>;
}

/**
 * Records what `git add -A` and `git write-tree` would: tracked edits, deletions, untracked files that are not ignored,
 * modes and symbolic links. Of a merge in progress the files travel as they are, markers and all. The user's index,
 * refs, objects and files are only read; new objects go to the cache. A clean worktree takes two git processes side by
 * side, a changed one two or three more.
 *
 * @throws CoveyError `bad_request` (not a worktree; an included path that is missing or outside) and `bad_snapshot`
 * (a submodule, LFS file or link out of the tree that is not allowed; a file over the limit, before it is read).
 */
export async function createSnapshot(options: SnapshotOptions): Promise<Snapshot> {
	const started = performance.now();
	using looked = await inspect(options);
	const { repository, status, index } = looked;
	const call = { trust: "user", directory: repository.worktreeRoot, signal: options.signal } as const;
	const [{ id, cache, facts }, included] = await Promise.all([
		looked.surroundings ?? findSurroundings(options, repository),
		findIncluded(options, repository, call),
	]);
	const inspected = performance.now();

	const entries = [...status.entries, ...included];
	await check(options, repository, entries, facts, call);
	const checked = performance.now();

	const objectDirectories = [cache.objects, repository.objectDirectory, cache.olderObjects];
	const clean = entries.length === 0 && repository.head;
	const quick = clean ? { tree: clean.tree, objects: [] } : await quickTree({ ...looked, entries, facts });
	const write = { ...call, environment: objectEnvironment(objectDirectories) };
	const tree = quick?.tree ?? (await writeTree(repository, index, entries, write));
	const { commit, content } = snapshotCommit(tree);
	const objects: GitObject[] = [...(quick?.objects ?? []), { type: "commit", id: commit, content }];
	// Git knows the empty tree without having it, and then does not send it.
	const empty = gitObject("tree", Buffer.alloc(0), repository.idLength);
	if (tree === empty.id) objects.push(empty);
	return {
		repository: id,
		tree,
		commit,
		worktreeRoot: repository.worktreeRoot,
		prefix: repository.prefix,
		changes: count(entries),
		notes: notes(repository, entries, facts),
		objectDirectories,
		timings: { inspect: inspected - started, check: checked - inspected, write: performance.now() - checked },
		...createDelivery({ cache, index: quick && index, commit, objects }),
	};
}

/** What the first look at a worktree tells. */
interface Look extends Disposable {
	readonly repository: Repository;
	readonly status: Status;
	/** The index that the status speaks of, when it is our copy. */
	readonly index?: PrivateIndex;
	readonly indexFile?: Promise<IndexFile | undefined>;
	readonly hasher?: FileHasher;
	readonly surroundings?: Surroundings;
}

/** What of a repository is known whatever its files are. */
interface Surroundings {
	/** RepositoryId. */
	readonly id: string;
	readonly cache: SnapshotCache;
	/** Of the tree of HEAD. */
	readonly facts: TreeFacts;
}

async function findSurroundings({ cacheDirectory, signal }: SnapshotOptions, repository: Repository): Promise<Surroundings> {
	const id = await identifyRepository(repository, cacheDirectory, signal);
	const cache = await openSnapshotCache(cacheDirectory, id);
	const call = { trust: "user", directory: repository.worktreeRoot, signal } as const;
	return { id, cache, facts: repository.head ? await treeFacts(repository.head.tree, call, cache.directory) : noFacts };
}

/** Asks for the repository and its status at the same time, again if HEAD moved between the two. */
async function inspect(options: SnapshotOptions): Promise<Look> {
	const { directory, cacheDirectory, signal } = options;
	const quick = await inspectKnown(options);
	if (quick) return quick;
	for (let tries = 1; ; tries++) {
		const statusSoon = readStatus({ trust: "user", directory, signal });
		statusSoon.catch(() => {});
		// First, because what it says of a directory that is no worktree is what the person needs to hear.
		const repository = await learnRepository(directory, cacheDirectory, signal);
		const status = await statusSoon;
		if (status.head === repository.head?.commit) return { repository, status, [Symbol.dispose]() {} };
		if (tries === 5) throw new CoveyError("conflict", `HEAD of ${repository.worktreeRoot} moves while it is being read`);
	}
}

/** Git may replace the file meanwhile, with the same paths and objects in it. */
async function readIndex(path: string, idLength: number): Promise<IndexFile | undefined> {
	const content = await readFile(path).catch(() => undefined);
	return content && parseIndex(content, idLength);
}

/** Where covey has run before, what was learnt then is taken as known. @returns undefined when something is not as it was. */
async function inspectKnown(options: SnapshotOptions): Promise<Look | undefined> {
	const { directory, cacheDirectory, signal } = options;
	const known = recallRepository(directory, cacheDirectory);
	const found = known && openPrivateIndex(known, cacheDirectory);
	const index = found instanceof Promise ? await found : found;
	if (!known || !index) return undefined;
	const statusSoon = readStatus({ trust: "user", directory, environment: { GIT_INDEX_FILE: index.path }, refresh: true, signal });
	// Given up meanwhile, the hasher does not start, and nobody comes to ask for the status.
	statusSoon.catch(() => {});
	const hasher = startFileHasher(known.worktreeRoot, signal);
	try {
		// While git looks at the files, all is read that does not depend on them.
		const indexFile = readIndex(index.path, known.idLength);
		const surroundingsSoon = findSurroundings(options, known);
		surroundingsSoon.catch(() => {});
		const status = await statusSoon;
		const moved = status.head !== known.head?.commit;
		const repository = moved ? await learnRepository(directory, cacheDirectory, signal) : known;
		const surroundings = moved ? await findSurroundings(options, repository) : await surroundingsSoon;
		const look = { repository, status, index, indexFile, hasher, surroundings, [Symbol.dispose]: () => hasher[Symbol.dispose]() };
		if (status.head === repository.head?.commit) return look;
	} catch {
		// Whoever asks in the long way hears why.
		signal?.throwIfAborted();
	}
	hasher[Symbol.dispose]();
	return undefined;
}

/** Files under the included paths that git would leave out. Paths that are tracked are in the snapshot already. */
async function findIncluded(
	options: SnapshotOptions,
	repository: Repository,
	call: Omit<GitCall, "arguments">,
): Promise<readonly StatusEntry[]> {
	const include = options.include ?? [];
	if (include.length === 0) return [];
	const paths = include.map((path) => {
		const inside = relative(repository.worktreeRoot, resolve(repository.worktreeRoot, repository.prefix, path)).split(sep);
		if (path.includes("\0") || inside[0] === ".." || inside.some((part) => part.toLowerCase() === ".git")) {
			throw new CoveyError(
				"bad_request",
				`the included path ${JSON.stringify(path)} lies outside the worktree ${repository.worktreeRoot}`,
				{
					hint: "include files of this worktree only",
				},
			);
		}
		return inside.join("/") || ".";
	});
	for (const [i, path] of paths.entries()) {
		if (!(await exists(join(repository.worktreeRoot, path)))) {
			throw new CoveyError("bad_request", `the included path ${JSON.stringify(include[i])} does not exist in ${repository.worktreeRoot}`);
		}
	}
	const listing = await git({
		...call,
		environment: { GIT_LITERAL_PATHSPECS: "1" },
		arguments: ["ls-files", "--others", "-z", "--", ...paths],
	});
	return listing
		.toString("latin1")
		.split("\0")
		.slice(0, -1)
		.map((path) => ({ path: path.replace(/\/$/, ""), kind: "untracked", submodule: path.endsWith("/") }));
}

async function check(
	options: SnapshotOptions,
	repository: Repository,
	entries: readonly StatusEntry[],
	facts: TreeFacts,
	call: Omit<GitCall, "arguments">,
): Promise<void> {
	const allow = options.allow ?? [];
	const changed = new Map(entries.map((entry) => [entry.path, entry]));
	const unchanged = (path: GitPath) => !changed.has(path);
	const submodules = entries.filter((entry) => entry.submodule && entry.kind !== "deleted").map((entry) => entry.path);
	refuseUnlessAllowed("submodule", [...submodules, ...facts.submodules.filter(unchanged)], allow);

	const escaping = facts.escapingLinks.filter(unchanged);
	let lfs = facts.lfsAttributes;
	for (const entry of entries) {
		if (entry.kind === "deleted" || entry.submodule) continue;
		const path = pathBytes(repository.worktreeRoot, entry.path);
		const found = await lstat(path).catch(() => undefined);
		if (found?.isSymbolicLink() && escapes(entry.path, await readlink(path, "latin1"))) escaping.push(entry.path);
		if (found?.isFile()) refuseLarge(entry.path, found.size, options.fileBytesMax ?? fileBytesMaxDefault);
		if (found?.isFile() && posix.basename(entry.path) === ".gitattributes") lfs ||= mentionsLfs(await readFile(path, "latin1"));
	}
	refuseUnlessAllowed("symlink", escaping, allow);
	if (!lfs || allow.includes("lfs")) return;
	const tracked = (await git({ ...call, arguments: ["ls-files", "-z"] })).toString("latin1").split("\0").slice(0, -1);
	const paths = [...new Set([...tracked, ...entries.map((entry) => entry.path)])];
	refuseUnlessAllowed("lfs", await lfsPaths(call, paths), allow);
}

const fileBytesMaxDefault = 256 * 1024 * 1024;

function refuseLarge(path: GitPath, bytes: number, bytesMax: number): void {
	if (bytes <= bytesMax) return;
	const mebibytes = (value: number) => `${Math.ceil(value / 1024 / 1024)} MiB`;
	throw new CoveyError(
		"bad_snapshot",
		`${JSON.stringify(pathText(path))} has ${mebibytes(bytes)}; a snapshot takes files up to ${mebibytes(bytesMax)}`,
		{
			hint: "ignore it in .gitignore, or move it out of the worktree",
			details: { path: pathText(path), bytes, bytesMax },
		},
	);
}

/** Brings a copy of the index up to date with the files that status named, and writes its tree. */
async function writeTree(
	repository: Repository,
	own: PrivateIndex | undefined,
	entries: readonly StatusEntry[],
	call: Omit<GitCall, "arguments">,
): Promise<string> {
	const directory = await mkdtemp(join(tmpdir(), "covey-index-"));
	try {
		const index = join(directory, "index");
		await copyIndex(own?.path ?? repository.indexPath, index);
		const environment = { ...call.environment, GIT_INDEX_FILE: index };
		const gone = await Promise.all(entries.map((entry) => isGone(repository.worktreeRoot, entry)));
		const deleted = entries.filter((_, i) => gone[i]);
		const present = entries.filter((_, i) => !gone[i]);
		const update = ["update-index", "--add", "--remove", "--replace", "--ignore-skip-worktree-entries"];
		// First, and by force: what stands there now may be a directory, or lie behind a symbolic link.
		if (deleted.length > 0)
			await git({ ...call, environment, input: nulEnded(deleted), arguments: [...update, "--force-remove", "-z", "--stdin"] });
		if (present.length > 0) await addFiles({ ...call, environment, input: nulEnded(present), arguments: [...update, "-z", "--stdin"] });
		return (await git({ ...call, environment, arguments: ["write-tree"] })).toString("latin1").trim();
	} finally {
		await rm(directory, { recursive: true, force: true });
	}
}

/** What lies behind a link to itself is gone, as `git add -A` knows and `git status` does not. */
async function isGone(root: string, entry: StatusEntry): Promise<boolean> {
	if (entry.kind === "deleted") return true;
	return lstat(pathBytes(root, entry.path)).then(
		() => false,
		(error: NodeJS.ErrnoException) => error.code === "ELOOP",
	);
}

async function addFiles(call: GitCall): Promise<void> {
	const { exitCode, stderr } = await runGit(call);
	if (exitCode === 0) return;
	throw new CoveyError("bad_snapshot", `git could not read the changed files of ${call.directory}: ${stderr.trim()}`, {
		hint: "`git add -A` in that worktree fails alike; make the file readable or ignore it",
	});
}

function nulEnded(entries: readonly StatusEntry[]): Buffer {
	return Buffer.from(entries.map((entry) => `${entry.path}\0`).join(""), "latin1");
}

function count(entries: readonly StatusEntry[]): Snapshot["changes"] {
	const changes = { modified: 0, added: 0, deleted: 0, untracked: 0, unmerged: 0 };
	for (const entry of entries) changes[entry.kind]++;
	return changes;
}

function notes(repository: Repository, entries: readonly StatusEntry[], facts: TreeFacts): readonly string[] {
	const unmerged = entries.filter((entry) => entry.kind === "unmerged").length;
	const [collision] = facts.caseCollisions;
	return [
		...(repository.head ? [] : ["the repository has no commit yet: all files travel as they are"]),
		...(unmerged > 0 ? [`a merge is in progress: ${unmerged} unmerged files travel as they are, with conflict markers`] : []),
		...(collision === undefined
			? []
			: [`${pathText(collision)} differs from another name only in case: on a worker without case one of them is lost`]),
	];
}

async function exists(path: string): Promise<boolean> {
	return lstat(path).then(
		() => true,
		() => false,
	);
}
