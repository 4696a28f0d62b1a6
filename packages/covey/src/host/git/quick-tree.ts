import { constants, lstatSync } from "node:fs";
import { open, readlink } from "node:fs/promises";
import { posix } from "node:path";
import { buildTree, type Change } from "./build-tree.ts";
import type { IndexFile } from "./index-file.ts";
import { type GitObject, gitObject } from "./object.ts";
import type { FileHasher } from "./plain-files.ts";
import type { Repository } from "./repository.ts";
import type { TreeFacts } from "./rules.ts";
import { type GitPath, pathBytes, type StatusEntry } from "./status.ts";

export interface QuickTree {
	readonly tree: string;
	/** All that may be new in it. */
	readonly objects: readonly GitObject[];
}

/**
 * The tree of a worktree with a few changed files, without git writing it: the index says what has not changed, and the
 * rest is read, hashed and put into new trees here. Git is asked for the ids of the files too; where it would store
 * anything but their very bytes (line ends, a filter, another encoding), or anything else is out of the ordinary, this
 * is none of our business.
 *
 * @returns undefined then: git has to write it.
 */
export async function quickTree(known: {
	readonly repository: Repository;
	readonly entries: readonly StatusEntry[];
	readonly facts: TreeFacts;
	/** Of our copy of the index, which is read while git looks at the files; undefined: it has something out of the ordinary. */
	readonly indexFile?: Promise<IndexFile | undefined>;
	readonly hasher?: FileHasher;
}): Promise<QuickTree | undefined> {
	const { repository, entries, facts, indexFile, hasher } = known;
	// A filter of LFS takes long, and would be run twice.
	if (!indexFile || !hasher || entries.length > filesMax || facts.lfsAttributes || !entries.every(isOrdinary)) return undefined;
	const present = entries.filter((entry) => entry.worktreeMode !== undefined || entry.kind === "untracked");
	const modes = present.map((entry) => entry.worktreeMode ?? modeOfNew(pathBytes(repository.worktreeRoot, entry.path)));
	if (modes.some((mode) => mode === undefined || !modesRead.has(mode))) return undefined;
	const files = present.filter((_, i) => modes[i] !== linkMode).map(({ path }) => path);
	const [index, blobs, ids] = await Promise.all([
		indexFile,
		readAll(
			repository,
			present.map(({ path }, i) => ({ path, link: modes[i] === linkMode })),
		),
		files.length === 0 ? [] : hasher.ids(files),
	]);
	if (!index || !blobs || !ids) return undefined;
	const idOf = new Map(files.map((path, i) => [path, ids[i]]));
	const changes = new Map<GitPath, Change>();
	for (const { path, kind } of entries) if (kind === "deleted") changes.set(path, undefined);
	for (const [i, { path }] of present.entries()) {
		const { id } = blobs[i] as GitObject;
		if (idOf.has(path) && idOf.get(path) !== id) return undefined;
		changes.set(path, { mode: modes[i] as string, id });
	}
	const built = buildTree(index, changes);
	return built && { tree: built.tree, objects: [...blobs, ...built.trees] };
}

const filesMax = 256;
const fileBytesMax = 4 * 1024 * 1024;
const linkMode = "120000";
const modesRead = new Set(["100644", "100755", linkMode]);

/** Attributes of a directory that are gone from the worktree hold all the same, and only whoever reads the index knows them. */
function isOrdinary({ kind, path, submodule }: StatusEntry): boolean {
	return kind !== "unmerged" && !submodule && !(kind === "deleted" && posix.basename(path) === ".gitattributes");
}

/** Whether links and executable bits count depends on the configuration, so of new files only plain ones are known. */
function modeOfNew(path: Buffer): string | undefined {
	const found = lstatSync(path, { throwIfNoEntry: false });
	return found?.isFile() && (found.mode & 0o111) === 0 ? "100644" : undefined;
}

async function readAll(
	repository: Repository,
	paths: readonly { readonly path: GitPath; readonly link: boolean }[],
): Promise<readonly GitObject[] | undefined> {
	let bytes = 0;
	const blobs: GitObject[] = [];
	for (const { path, link } of paths) {
		const full = pathBytes(repository.worktreeRoot, path);
		const content = await (link ? readlink(full, "buffer") : readPlain(full, fileBytesMax - bytes)).catch(() => undefined);
		if (!content) return undefined;
		bytes += content.length;
		blobs.push(gitObject("blob", content, repository.idLength));
	}
	return blobs;
}

/** @returns undefined for what is larger or no plain file (any more). */
async function readPlain(path: Buffer, bytesMax: number): Promise<Buffer | undefined> {
	const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
	try {
		const found = await file.stat();
		return found.isFile() && found.size <= bytesMax ? await file.readFile() : undefined;
	} finally {
		await file.close();
	}
}
