import { createHash } from "node:crypto";
import { constants } from "node:fs";
import { mkdir, open, readdir, readFile, stat } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import { CoveyError } from "@covey/protocol/errors";
import { carrySnapshot } from "#compose/carry.ts";
import { loadConfig } from "#compose/config.ts";
import { paths } from "#compose/paths.ts";
import type { Settings } from "#compose/settings.ts";
import { replaceFile } from "#host/fs/replace-file.ts";
import { runGit } from "#host/git/git.ts";
import { openRepository } from "#host/git/repository.ts";
import { createSnapshot, type Snapshot } from "#host/git/snapshot.ts";
import type { ProjectFiles } from "#mcp/project/recipe.ts";
import type { Applied, Worktree, WorktreeSnapshot } from "#mcp/worktree.ts";

/** Of a file that decides what a project is, in bytes. */
const manifestBytesMax = 1024 * 1024;

/**
 * The worktree around `directory`, for the tools of the agent that works in it.
 * @throws CoveyError `bad_request` when it is none.
 */
export async function openWorktree(directory: string): Promise<Worktree> {
	const there = await stat(directory).catch(() => undefined);
	if (!there?.isDirectory())
		throw new CoveyError("bad_request", `there is no directory ${directory}`, { hint: "name the agent's worktree: --worktree PATH" });
	const { worktreeRoot: root } = await openRepository(directory);
	/** One patch after the other: the second is held against the tree that the first has made. */
	let applying: Promise<unknown> = Promise.resolve();
	const taken = new WeakMap<WorktreeSnapshot, Snapshot>();
	const memory = join(paths().state, "worktrees", createHash("sha256").update(root).digest("hex").slice(0, 32));

	const config = async (): Promise<Settings> => (await loadConfig(process.env, root)).settings;

	const snapshot = async (signal?: AbortSignal): Promise<WorktreeSnapshot> => {
		const { client } = await config();
		const whole = await createSnapshot({
			directory: root,
			cacheDirectory: paths().clientCache,
			fileBytesMax: client.snapshot_file_bytes_max,
			...(signal && { signal }),
		});
		const { repository, tree, commit, changes, notes } = whole;
		const uncommitted = Object.values(changes).reduce((sum, files) => sum + files, 0);
		const short: WorktreeSnapshot = { repository, tree, commit, uncommitted, notes };
		taken.set(short, whole);
		return short;
	};

	const apply = async (patch: Uint8Array, tree: string): Promise<Applied> => {
		const now = await snapshot();
		if (now.tree !== tree)
			return {
				applied: false,
				reason: `the worktree has changed meanwhile (it was at tree ${tree.slice(0, 10)}, it is at ${now.tree.slice(0, 10)})`,
			};
		const call = { trust: "user", directory: root } as const;
		const names = await runGit({ ...call, arguments: ["apply", "--numstat", "-z", "-"], input: patch });
		const { exitCode, stderr } = await runGit({ ...call, arguments: ["apply", "--binary", "--whitespace=nowarn", "-"], input: patch });
		if (exitCode !== 0) return { applied: false, reason: `git would not apply it: ${stderr.trim().split("\n", 1)[0]}` };
		return { applied: true, files: changedFiles(names.stdout.toString("utf8")) };
	};

	return {
		root,
		id: createHash("sha256").update(`${hostname()}\0${root}`).digest("hex"),
		async policy() {
			const { client, commands } = await config();
			return { namespace: client.namespace, fallback: client.fallback, commands };
		},
		files: projectFiles(root),
		snapshot,
		carry: (fleet, short, namespace, signal) => carrySnapshot(fleet, taken.get(short) as Snapshot, namespace, signal),
		apply(patch, tree) {
			const applied = applying.then(() => apply(patch, tree));
			applying = applied.catch(() => {});
			return applied;
		},
		async place(artifact, content) {
			const { placeArtifact } = await import("#host/fs/artifact.ts");
			await placeArtifact({ root, artifact, content });
		},
		async recall(name: string) {
			try {
				return JSON.parse(await readFile(join(memory, `${name}.json`), "utf8"));
			} catch {
				// None yet, or a damaged one: nothing is remembered.
				return undefined;
			}
		},
		async remember(name: string, value: unknown) {
			await mkdir(memory, { recursive: true, mode: 0o700 });
			await replaceFile(join(memory, `${name}.json`), JSON.stringify(value), { mode: 0o600 });
		},
	};
}

/** `added TAB removed TAB path NUL` for each file. */
function changedFiles(numstat: string): string[] {
	return numstat
		.split("\0")
		.map((line) => line.split("\t").slice(2).join("\t"))
		.filter((path) => path !== "");
}

function projectFiles(root: string): ProjectFiles {
	return {
		async read(path) {
			try {
				// A link of the tree may lead to a device or a pipe, which have no end.
				await using file = await open(join(root, path), constants.O_RDONLY | constants.O_NONBLOCK);
				const found = await file.stat();
				return found.isFile() && found.size <= manifestBytesMax ? await file.readFile("utf8") : undefined;
			} catch (error) {
				return nothingThere(error, undefined);
			}
		},
		async list(directory) {
			const names = await readdir(join(root, directory)).catch((error) => nothingThere(error, [] as string[]));
			const candidates = names.filter((name) => name !== ".git" && !name.includes("\n"));
			if (candidates.length === 0) return [];
			const paths = candidates.map((name) => (directory === "" ? name : `${directory}/${name}`));
			const ignored = await runGit({
				trust: "user",
				directory: root,
				arguments: ["check-ignore", "-z", "--stdin"],
				input: Buffer.from(`${paths.join("\0")}\0`),
			});
			const left = new Set(ignored.stdout.toString("utf8").split("\0"));
			return candidates.filter((_, index) => !left.has(paths[index] as string));
		},
	};
}

function nothingThere<T>(error: unknown, instead: T): T {
	const { code } = error as NodeJS.ErrnoException;
	if (code === "ENOENT" || code === "ENOTDIR" || code === "EISDIR") return instead;
	throw new CoveyError("bad_request", `the worktree cannot be read: ${(error as Error).message}`);
}
