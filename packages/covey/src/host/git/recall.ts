import { createHash } from "node:crypto";
import { lstatSync, mkdirSync, readFileSync, realpathSync, renameSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { draftOf } from "#host/fs/replace-file.ts";
import { openRepository, type Repository } from "./repository.ts";

/**
 * What git once said of the repository around a directory, as long as nothing has changed by which git decides that:
 * the directories up to the root, `.git` there, and the repository's own configuration. HEAD may have moved since.
 * Read at once and not behind promises: a few small files, and nothing else can begin before.
 */
export function recallRepository(directory: string, cacheDirectory: string): Repository | undefined {
	// Decides where git stops looking; who sets it asks git.
	if (process.env.GIT_CEILING_DIRECTORIES) return undefined;
	try {
		const remembered = JSON.parse(readFileSync(fileOf(directory, cacheDirectory), "utf8")) as Remembered;
		const { repository, stamp } = remembered;
		return stampOf(directory, repository) === stamp ? repository : undefined;
	} catch {
		return undefined;
	}
}

/** Asks git, in one process, and remembers. @throws as `openRepository`. */
export async function learnRepository(directory: string, cacheDirectory: string, signal?: AbortSignal): Promise<Repository> {
	const repository = await openRepository(directory, signal);
	const stamp = stampOf(directory, repository);
	if (stamp === undefined) return repository;
	const remembered: Remembered = { repository, stamp };
	const file = fileOf(directory, cacheDirectory);
	mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
	const draft = draftOf(file);
	writeFileSync(draft, JSON.stringify(remembered));
	renameSync(draft, file);
	return repository;
}

interface Remembered {
	readonly repository: Repository;
	readonly stamp: string;
}

function fileOf(directory: string, cacheDirectory: string): string {
	return join(cacheDirectory, "places", createHash("sha256").update(directory).digest("hex").slice(0, 32));
}

/** @returns undefined where git was led by something else than what stands here. */
function stampOf(directory: string, { worktreeRoot, gitDirectory, commonDirectory }: Repository): string | undefined {
	const stands = realpathSync(directory);
	const stamps = [stands];
	for (let at = stands; at !== worktreeRoot; at = dirname(at)) {
		if (at === dirname(at)) return undefined;
		// A repository of its own, bare or not, would come first.
		stamps.push(stampOfFile(join(at, ".git")), stampOfFile(join(at, "HEAD")));
	}
	const git = lstatSync(join(worktreeRoot, ".git"), { throwIfNoEntry: false });
	if (!git) return undefined;
	stamps.push(`${git.ino} ${git.mode} ${git.uid}`, stampOfFile(join(worktreeRoot, ".git"), "file"));
	stamps.push(stampOfFile(join(commonDirectory, "config")), stampOfFile(join(gitDirectory, "config.worktree")));
	return stamps.join("\n");
}

/** @param only a directory's times change with what is in it, which is nothing to us. */
function stampOfFile(path: string, only?: "file"): string {
	const found = lstatSync(path, { bigint: true, throwIfNoEntry: false });
	if (!found || (only && !found.isFile())) return "none";
	return `${found.mtimeNs} ${found.ctimeNs} ${found.size} ${found.ino}`;
}
