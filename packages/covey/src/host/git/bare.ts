import { mkdir, readdir, rename, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { draftOf } from "#host/fs/replace-file.ts";
import { git } from "./git.ts";

/**
 * Makes an empty bare repository, as `git init --bare --template=` would, without a process: no hooks, no
 * description, nothing that a template could plant. Complete or not there at all; an existing one is left alone.
 */
export async function createBareRepository(directory: string, idLength: number): Promise<void> {
	const building = `${draftOf(directory)}.new`;
	await mkdir(join(building, "objects", "pack"), { recursive: true });
	await mkdir(join(building, "objects", "info"));
	await mkdir(join(building, "refs"));
	await writeFile(join(building, "HEAD"), "ref: refs/heads/none\n");
	await writeFile(join(building, "config"), idLength === 64 ? sha256Config : sha1Config);
	await rename(building, directory).catch(async (error) => {
		await rm(building, { recursive: true, force: true });
		if (error.code !== "ENOTEMPTY" && error.code !== "EEXIST") throw error;
	});
}

const settings = "\tbare = true\n\tlogAllRefUpdates = false\n[receive]\n\tdenyCurrentBranch = refuse\n[http]\n\treceivepack = false\n";
const sha1Config = `[core]\n\trepositoryformatversion = 0\n${settings}`;
const sha256Config = `[core]\n\trepositoryformatversion = 1\n${settings}[extensions]\n\tobjectFormat = sha256\n`;

/** The private ref space: one loose ref per snapshot, named by its commit. Never packed, so a directory listing tells all. */
export const snapshotRefs = "refs/covey/snapshots";

/**
 * Writes the ref without a process: new or the same, never changed, so no lock is needed. Nor is it flushed: its content
 * is its name, and what a crash has torn is mended when the refs are listed.
 */
export async function writeSnapshotRef(repository: string, commit: string): Promise<void> {
	const directory = join(repository, snapshotRefs);
	const temporary = `${draftOf(join(repository, commit))}.ref`;
	await mkdir(directory, { recursive: true });
	await writeFile(temporary, `${commit}\n`);
	await rename(temporary, join(directory, commit));
}

/** Snapshot commit → when its ref was written, in milliseconds. */
export async function listSnapshotRefs(repository: string): Promise<Map<string, number>> {
	const directory = join(repository, snapshotRefs);
	const names = await readdir(directory).catch(() => []);
	const written = await Promise.all(
		names.map(async (commit) => {
			const { size, mtimeMs } = await stat(join(directory, commit));
			if (size !== commit.length + 1) await writeSnapshotRef(repository, commit);
			return [commit, mtimeMs] as const;
		}),
	);
	return new Map(written);
}

export async function removeSnapshotRef(repository: string, commit: string): Promise<void> {
	await rm(join(repository, snapshotRefs, commit), { force: true });
}

/** Packs what the refs reach and removes everything else at once. Nothing may be written to the repository meanwhile. */
export async function dropUnreachable(repository: string, signal?: AbortSignal): Promise<void> {
	const call = { trust: "own", directory: repository, environment: { GIT_DIR: repository }, signal } as const;
	await git({ ...call, arguments: ["repack", "-a", "-d", "-q"] });
	await git({ ...call, arguments: ["prune", "--expire=now"] });
}
