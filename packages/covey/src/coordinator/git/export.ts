import { access, lstat, mkdir, readFile, realpath, rm, symlink, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { CoveyError } from "@covey/protocol/errors";
import { runGit } from "#host/git/git.ts";
import type { Logger } from "#kit/logger.ts";
import type { SnapshotStore } from "./store.ts";

export interface ExportOptions {
	/** Ours; made anew. */
	readonly base: string;
	/** Absolute paths of repositories on this machine, and `namespace/id` of snapshots. */
	readonly repositories: readonly string[];
	readonly snapshots: Pick<SnapshotStore, "directory">;
	readonly logger: Logger;
}

/**
 * Makes a directory that holds what `git daemon` serves: for each repository that was named a bare one of our own, which
 * borrows objects and refs of it. So nothing is written into a person's repository, its configuration and hooks are
 * not in force, and of its refs only branches and tags are shown. Snapshots are shown with all of their refs.
 * @returns the directories. @throws CoveyError `bad_config` for what cannot be served or would be served by one name twice.
 */
export async function exportRepositories({ base, repositories, snapshots, logger }: ExportOptions): Promise<readonly string[]> {
	await rm(base, { recursive: true, force: true });
	await mkdir(base, { recursive: true, mode: 0o700 });
	const made = new Map<string, string>();
	for (const named of repositories) {
		const [directory, source] = named.startsWith("/")
			? [join(base, `${basename(named).replace(/\.git$/, "")}.git`), await gitDirectoryOf(named)]
			: [join(base, `${named}.git`), await snapshotsOf(named, snapshots)];
		const other = made.get(directory);
		if (other !== undefined) throw refused(named, `would be served by the same name as ${other}`);
		if (source === undefined) {
			logger.warn("git daemon serves no snapshots of a repository before the first were sent and the coordinator was started again", {
				named,
			});
			continue;
		}
		await borrow(directory, source, named);
		made.set(directory, named);
	}
	return [...made.keys()];
}

/** Of a bare repository, or of one with a worktree. */
async function gitDirectoryOf(named: string): Promise<string> {
	for (const candidate of [join(named, ".git"), named]) {
		const parts = ["HEAD", "objects", "refs"].map((name) => access(join(candidate, name)));
		if ((await Promise.allSettled(parts)).every(({ status }) => status === "fulfilled")) return realpath(candidate);
	}
	throw refused(named, "is no git repository that this user can read; of an added worktree, name the repository itself");
}

async function snapshotsOf(named: string, snapshots: Pick<SnapshotStore, "directory">): Promise<string | undefined> {
	const [namespace = "", repository = ""] = named.split("/");
	try {
		return await snapshots.directory({ namespace, repository });
	} catch (error) {
		if (error instanceof CoveyError && error.code === "not_found") return undefined;
		throw error;
	}
}

async function borrow(directory: string, source: string, named: string): Promise<void> {
	await mkdir(join(directory, "objects", "info"), { recursive: true });
	await writeFile(join(directory, "objects", "info", "alternates"), `${join(source, "objects")}\n`);
	await symlink(join(source, "refs"), join(directory, "refs"));
	// It comes and goes with `git pack-refs`.
	await symlink(join(source, "packed-refs"), join(directory, "packed-refs"));
	const head = join(source, "HEAD");
	if ((await lstat(head)).isSymbolicLink()) throw refused(named, "has a symbolic link as its HEAD");
	await writeFile(join(directory, "HEAD"), await readFile(head));
	await writeFile(join(directory, "config"), await configOf(source, named));
	await writeFile(join(directory, "git-daemon-export-ok"), "");
}

async function configOf(source: string, named: string): Promise<string> {
	const format = await extension(source, "objectformat");
	const refs = await extension(source, "refstorage");
	if (refs !== "" && refs !== "files") throw refused(named, `keeps its refs as ${refs}, which is not understood here`);
	const version =
		format === "sha256" ? "\trepositoryformatversion = 1\n[extensions]\n\tobjectFormat = sha256\n" : "\trepositoryformatversion = 0\n";
	const shown = named.startsWith("/") ? "[transfer]\n\thideRefs = refs\n\thideRefs = !refs/heads\n\thideRefs = !refs/tags\n" : "";
	return `[core]\n\tbare = true\n${version}${shown}`;
}

async function extension(source: string, name: string): Promise<string> {
	const words = ["config", "--file", join(source, "config"), "--get", `extensions.${name}`];
	const { stdout } = await runGit({ trust: "own", directory: "/", arguments: words });
	return stdout.toString().trim();
}

function refused(named: string, why: string): CoveyError {
	return new CoveyError("bad_config", `build_pool.git_daemon.repositories: ${named} ${why}`);
}
