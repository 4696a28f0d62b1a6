import { createHash } from "node:crypto";
import { closeSync, existsSync, fstatSync, openSync, readSync } from "node:fs";
import { mkdir, readdir, readFile, rename, rm, stat, utimes, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { draftOf } from "#host/fs/replace-file.ts";
import type { Repository } from "./repository.ts";

/**
 * Our own copy of a worktree's index, kept as long as the original does not change. In it git may write down what it
 * learns of the files, so that the next look compares dates instead of contents; the person's own is only read.
 */
export interface PrivateIndex {
	readonly path: string;
	/** Names the original's content. */
	readonly checksum: string;
	/** For what else is to be kept as long as the original does not change. */
	readonly directory: string;
}

/**
 * At once when there is a copy already, since nothing else can begin before.
 *
 * @returns undefined when there is no index, or one that does not name its content (`index.skipHash`).
 */
export function openPrivateIndex(
	repository: Repository,
	cacheDirectory: string,
): PrivateIndex | undefined | Promise<PrivateIndex | undefined> {
	const checksum = readChecksum(repository);
	if (checksum === undefined || /^0+$/.test(checksum)) return undefined;
	const parent = join(cacheDirectory, "indexes");
	const directory = join(parent, createHash("sha256").update(repository.gitDirectory).digest("hex").slice(0, 32), checksum);
	const index = { path: join(directory, "index"), checksum, directory };
	return existsSync(index.path) ? index : make(repository, index, parent);
}

function readChecksum(repository: Repository): string | undefined {
	const length = repository.idLength / 2;
	let file: number;
	try {
		file = openSync(repository.indexPath, "r");
	} catch {
		return undefined;
	}
	try {
		const buffer = Buffer.alloc(length);
		const read = readSync(file, buffer, 0, length, Math.max(0, fstatSync(file).size - length));
		return read === length ? buffer.toString("hex") : undefined;
	} finally {
		closeSync(file);
	}
}

async function make(repository: Repository, index: PrivateIndex, parent: string): Promise<PrivateIndex | undefined> {
	await copy(repository, index.checksum, index.directory);
	await dropOthers(parent, index.directory);
	return existsSync(index.path) ? index : undefined;
}

/** As `copyIndex`, but of the very content that the checksum names. */
async function copy(repository: Repository, checksum: string, directory: string): Promise<void> {
	const { mtimeMs } = await stat(repository.indexPath);
	const content = await readFile(repository.indexPath);
	if (content.toString("hex", content.length - checksum.length / 2) !== checksum) return;
	const making = draftOf(directory);
	await mkdir(making, { recursive: true, mode: 0o700 });
	await writeFile(join(making, "index"), content);
	const seconds = Math.floor(mtimeMs / 1000);
	await utimes(join(making, "index"), seconds, seconds);
	// Somebody else may have been faster: one is as good as the other.
	await rename(making, directory).catch(() => rm(making, { recursive: true, force: true }));
}

const hourMs = 3600 * 1000;
const monthMs = 30 * 24 * hourMs;

/** Copies of what this index was before, and of worktrees that nobody has run from for a month. None that may be in use. */
async function dropOthers(parent: string, directory: string): Promise<void> {
	const own = dirname(directory);
	const before = async (path: string, ageMs: number) => {
		const found = await stat(path).catch(() => undefined);
		if (found && path !== directory && Date.now() - found.mtimeMs > ageMs) await rm(path, { recursive: true, force: true });
	};
	for (const name of await readdir(own)) await before(join(own, name), hourMs);
	for (const name of await readdir(parent)) await before(join(parent, name), monthMs);
}
