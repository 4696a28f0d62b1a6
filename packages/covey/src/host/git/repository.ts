import { realpath } from "node:fs/promises";
import { join, relative } from "node:path";
import { CoveyError } from "@covey/protocol/errors";
import { gitFailed, runGit } from "./git.ts";

/** A person's repository, as seen from one directory of its worktree. */
export interface Repository {
	/** Absolute, symbolic links resolved. */
	readonly worktreeRoot: string;
	/** Where in the worktree the person stands, with forward slashes; empty at the root. */
	readonly prefix: string;
	/** Of this worktree, and shared by all worktrees of the repository. */
	readonly gitDirectory: string;
	readonly commonDirectory: string;
	/** The user's own objects; read, never written. */
	readonly objectDirectory: string;
	readonly indexPath: string;
	/** Length of an object id in hex: 40 (SHA-1) or 64 (SHA-256). */
	readonly idLength: number;
	/** Undefined when HEAD is unborn. */
	readonly head: { readonly commit: string; readonly tree: string } | undefined;
}

/** One git process. @throws CoveyError `bad_request` when the directory is in no worktree. */
export async function openRepository(directory: string, signal?: AbortSignal): Promise<Repository> {
	const questions = ["--is-bare-repository", "--is-inside-work-tree", "--show-object-format", "--absolute-git-dir"];
	const paths = ["--path-format=absolute", "--git-common-dir", "--git-path", "objects", "--git-path", "index", "--show-toplevel"];
	const call = {
		trust: "user",
		directory,
		arguments: ["rev-parse", ...questions, ...paths, "HEAD", "HEAD^{tree}"],
		signal,
	} as const;
	const result = await runGit(call);
	const lines = result.stdout.toString("utf8").split("\n").slice(0, -1);
	const [bare, inside, format, gitDirectory, commonDirectory, objectDirectory, indexPath, worktreeRoot, commit, tree] = lines;
	if (bare === undefined) throw noRepository(directory, result.stderr);
	if (bare === "true")
		throw refused(directory, "is a bare repository, which has no files to run", "run it in a worktree of that repository");
	if (inside !== "true") throw refused(directory, "lies inside a .git directory", "change to the worktree it belongs to");
	if (lines.length > 10) throw refused(directory, "has a line break in its path", "move the repository to a path without one");
	if (!gitDirectory || !commonDirectory || !objectDirectory || !indexPath || !worktreeRoot) throw gitFailed(call, result);
	const stands = await realpath(directory);
	return {
		worktreeRoot,
		prefix: relative(worktreeRoot, stands),
		gitDirectory,
		commonDirectory,
		objectDirectory: objectDirectory || join(commonDirectory, "objects"),
		indexPath,
		idLength: format === "sha256" ? 64 : 40,
		// With an unborn HEAD git answers the questions, echoes "HEAD" and fails.
		head: result.exitCode === 0 && commit && tree ? { commit, tree } : undefined,
	};
}

function noRepository(directory: string, stderr: string): CoveyError {
	if (stderr.includes("dubious ownership")) {
		return refused(directory, "belongs to another user, so git does not trust it", `git config --global --add safe.directory ${directory}`);
	}
	return refused(directory, "is not in a git repository", "run it in a git worktree, or pass --no-snapshot to run without files", stderr);
}

function refused(directory: string, why: string, hint: string, cause?: string): CoveyError {
	return new CoveyError("bad_request", `${directory} ${why}`, { hint, ...(cause && { cause: new Error(cause.trim()) }) });
}
