import { type GitCall, git, holdGit } from "./git.ts";

/**
 * A path as git gives it: bytes, held one per character (latin1), so that names in any encoding survive. Show it with
 * `pathText`, open it with `pathBytes`.
 */
export type GitPath = string;

export function pathText(path: GitPath): string {
	return Buffer.from(path, "latin1").toString("utf8");
}

export function pathBytes(root: string, path: GitPath): Buffer {
	return Buffer.concat([Buffer.from(`${root}/`), Buffer.from(path, "latin1")]);
}

export interface StatusEntry {
	readonly path: GitPath;
	readonly kind: "modified" | "added" | "deleted" | "untracked" | "unmerged";
	/** Is it, or was it, a submodule? An untracked repository inside this one counts. */
	readonly submodule: boolean;
	/** What is in the worktree and not so in the index: the file's mode as git takes it. Undefined when the index has it, or nothing is there. */
	readonly worktreeMode?: string;
}

export interface Status {
	/** The commit that HEAD named while the status was taken; undefined when it is unborn. */
	readonly head: string | undefined;
	/** Everything in which the worktree or the index differs from HEAD. */
	readonly entries: readonly StatusEntry[];
}

type StatusCall = Pick<GitCall, "trust" | "directory" | "environment"> & {
	/** Git writes down in the index what it learnt of the files, so that it need not read them the next time. */
	readonly refresh?: boolean;
};

/** Compares HEAD, index and worktree. Without `refresh` nothing is written. */
export async function readStatus(call: StatusCall & { readonly signal?: AbortSignal | undefined }): Promise<Status> {
	return parseStatus((await git({ ...toGit(call), signal: call.signal })).toString("latin1"));
}

/** The same, of which as much as possible is done before. */
export interface HeldStatus extends Disposable {
	/** To be called once. */
	read(signal?: AbortSignal): Promise<Status>;
}

export function holdStatus(call: StatusCall): HeldStatus {
	const held = holdGit(toGit(call));
	return {
		read: async (signal) => parseStatus((await held.go(signal)).toString("latin1")),
		[Symbol.dispose]: () => held[Symbol.dispose](),
	};
}

function toGit({ trust, directory, environment, refresh }: StatusCall): GitCall {
	return {
		trust,
		directory,
		environment: { ...environment, ...(refresh && { GIT_OPTIONAL_LOCKS: "1" }) },
		arguments: [
			"status",
			"--porcelain=v2",
			"-z",
			"--branch",
			"--no-ahead-behind",
			"--untracked-files=all",
			"--no-renames",
			"--ignore-submodules=none",
		],
	};
}

/** Reads `git status --porcelain=v2 -z --branch --no-renames`; see git-status(1). */
export function parseStatus(output: string): Status {
	let head: string | undefined;
	const entries: StatusEntry[] = [];
	for (const line of output.split("\0")) {
		if (line.startsWith("# branch.oid ")) head = /^[0-9a-f]{40,64}$/.exec(line.slice(13))?.[0];
		else if (line[0] === "1") entries.push(ordinary(line));
		else if (line[0] === "u") entries.push({ path: after(line, 10), kind: "unmerged", submodule: line[5] === "S" });
		else if (line[0] === "?") entries.push(untracked(line.slice(2)));
	}
	return { head, entries };
}

/** `1 XY sub mH mI mW hH hI path` */
function ordinary(line: string): StatusEntry {
	const [, , sub, modeHead, modeIndex, modeWorktree] = line.split(" ", 6);
	const kind = modeWorktree === "000000" ? "deleted" : modeHead === "000000" ? "added" : "modified";
	const submodule = sub?.[0] === "S" || modeIndex === "160000" || modeWorktree === "160000";
	const unstaged = line[3] !== "." && kind !== "deleted" && modeWorktree !== undefined;
	return { path: after(line, 8), kind, submodule, ...(unstaged && { worktreeMode: modeWorktree }) };
}

/** A directory is listed as a whole, with a slash, only when it is a repository of its own. */
function untracked(path: string): StatusEntry {
	const repository = path.endsWith("/");
	return { path: repository ? path.slice(0, -1) : path, kind: "untracked", submodule: repository };
}

function after(line: string, spaces: number): string {
	let at = -1;
	for (let i = 0; i < spaces; i++) at = line.indexOf(" ", at + 1);
	return line.slice(at + 1);
}
