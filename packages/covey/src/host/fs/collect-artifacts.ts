import { createHash } from "node:crypto";
import { constants, createReadStream } from "node:fs";
import { lstat, mkdir, open, readdir, readlink, rm } from "node:fs/promises";
import { join, posix } from "node:path";
import { CoveyError } from "@covey/protocol/errors";
import type { ArtifactReference } from "@covey/protocol/task";
import { create } from "tar";
import { leadsIntoGit, linkStaysInside } from "./archive-policy.ts";
import { resolveInside } from "./resolve-inside.ts";

export interface CollectedArtifact extends ArtifactReference {
	/** The content, from its beginning; may be read more than once. */
	content(): AsyncIterable<Uint8Array>;
}

export interface CollectedArtifacts extends AsyncDisposable {
	readonly artifacts: readonly CollectedArtifact[];
	/** Paths that are not there, are links or no files, with the reason after them. */
	readonly missing: readonly string[];
}

/**
 * Reads the declared paths of a worktree: files as they are, directories as a tar archive that is a function of names,
 * modes and contents alone. Nothing outside `root` is read: a link is never followed, and travels only inside an
 * archive, and only if it stays there. What belongs to a git repository stays behind. Archives are written to `temporary`; disposing removes them.
 *
 * @throws CoveyError `too_large` for an artifact over `bytesMax`.
 */
export async function collectArtifacts(options: {
	readonly root: string;
	readonly paths: readonly string[];
	readonly temporary: string;
	readonly bytesMax: number;
	readonly signal?: AbortSignal;
}): Promise<CollectedArtifacts> {
	const artifacts: CollectedArtifact[] = [];
	const missing: string[] = [];
	const archives: string[] = [];
	const dispose = async () => {
		for (const archive of archives) await rm(archive, { force: true });
	};
	try {
		for (const path of options.paths) {
			options.signal?.throwIfAborted();
			const source = await resolveInside(options.root, path).catch(() => undefined);
			const found = source === undefined ? undefined : await lstat(source).catch(() => undefined);
			if (source === undefined || !found) missing.push(path);
			else if (leadsIntoGit(path)) missing.push(`${path} (belongs to git)`);
			else if (found.isFile()) artifacts.push(await measure(path, source, "file", found.mode & 0o777, options.bytesMax));
			else if (found.isDirectory()) {
				const archive = join(options.temporary, `artifact-${process.pid}-${crypto.randomUUID()}.tar`);
				archives.push(archive);
				missing.push(...(await writeArchive(source, archive, path)));
				artifacts.push(await measure(path, archive, "directory", found.mode & 0o777, options.bytesMax));
			} else missing.push(`${path} (${found.isSymbolicLink() ? "a symbolic link" : "not a file"})`);
		}
	} catch (error) {
		await dispose();
		throw error;
	}
	return { artifacts, missing, [Symbol.asyncDispose]: dispose };
}

async function measure(
	path: string,
	source: string,
	kind: ArtifactReference["kind"],
	mode: number,
	bytesMax: number,
): Promise<CollectedArtifact> {
	const hash = createHash("sha256");
	let bytes = 0;
	for await (const chunk of readWithoutFollowing(source)) {
		bytes += chunk.length;
		if (bytes > bytesMax) throw new CoveyError("too_large", `the artifact ${path} is larger than ${bytesMax} bytes`);
		hash.update(chunk);
	}
	return { path, digest: hash.digest("hex"), bytes, kind, mode, content: () => readWithoutFollowing(source) };
}

/** What was a file when it was looked at may be a link by now. */
async function* readWithoutFollowing(path: string): AsyncGenerator<Uint8Array> {
	const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
	yield* createReadStream("", { fd: file, highWaterMark: 256 * 1024 }) as AsyncIterable<Uint8Array>;
}

/** @returns what could not go in. */
async function writeArchive(source: string, archive: string, path: string): Promise<readonly string[]> {
	const members: string[] = [];
	const left: string[] = [];
	for (const entry of (await readdir(source, { recursive: true, withFileTypes: true })).sort(byPath)) {
		const name = posix.relative(source, join(entry.parentPath, entry.name));
		if (leadsIntoGit(name)) {
			if (!leadsIntoGit(posix.dirname(name))) left.push(`${path}/${name} (belongs to git)`);
			continue;
		}
		const fits =
			entry.isFile() || entry.isDirectory() || (entry.isSymbolicLink() && linkStaysInside(name, await readlink(join(source, name))));
		if (fits) members.push(`./${name}`);
		else left.push(`${path}/${name} (${entry.isSymbolicLink() ? "a symbolic link out of the directory" : "not a file"})`);
	}
	await mkdir(join(archive, ".."), { recursive: true });
	// An archive without a member is not one: the directory itself is always the first.
	await create({ cwd: source, file: archive, portable: true, mtime: new Date(0), noDirRecurse: true }, ["./", ...members]);
	return left;
}

function byPath(a: { parentPath: string; name: string }, b: { parentPath: string; name: string }): number {
	const [left, right] = [join(a.parentPath, a.name), join(b.parentPath, b.name)];
	return left < right ? -1 : left > right ? 1 : 0;
}
