import { mkdir } from "node:fs/promises";
import { dirname, join, posix } from "node:path";
import { CoveyError } from "@covey/protocol/errors";
import { replaceFile } from "#host/fs/replace-file.ts";
import { readSmall } from "./cache.ts";
import { type GitCall, git } from "./git.ts";
import { type GitPath, pathText } from "./status.ts";

/** What a snapshot cannot carry faithfully. Each is refused unless the person allows it. */
export type SnapshotAllowance = "submodule" | "lfs" | "symlink";

/** What a tree holds that the rules ask about. A function of the tree, so it is remembered by its id. */
export interface TreeFacts {
	readonly submodules: readonly GitPath[];
	/** Symbolic links that lead out of the tree. */
	readonly escapingLinks: readonly GitPath[];
	/** Does any `.gitattributes` send files through LFS? */
	readonly lfsAttributes: boolean;
	/** Pairs of names that are one on a file system without case. */
	readonly caseCollisions: readonly GitPath[];
}

export const noFacts: TreeFacts = { submodules: [], escapingLinks: [], lfsAttributes: false, caseCollisions: [] };

const consequences: Readonly<Record<SnapshotAllowance, { readonly what: string; readonly allowed: string }>> = {
	submodule: { what: "is a submodule, whose files are not part of the snapshot", allowed: "its directory will be empty" },
	lfs: { what: "is stored in Git LFS, so only its pointer is in the snapshot", allowed: "the job sees the pointer" },
	symlink: { what: "is a symbolic link out of the worktree, which leads nowhere on another machine", allowed: "the link will dangle" },
};

/** @throws CoveyError `bad_snapshot` that names the first path and the way out. */
export function refuseUnlessAllowed(rule: SnapshotAllowance, paths: readonly GitPath[], allow: readonly SnapshotAllowance[]): void {
	const [first] = paths;
	if (first === undefined || allow.includes(rule)) return;
	const others = paths.length > 1 ? ` (and ${paths.length - 1} more)` : "";
	throw new CoveyError("bad_snapshot", `${JSON.stringify(pathText(first))}${others} ${consequences[rule].what}`, {
		hint: `--allow ${rule} runs without it: ${consequences[rule].allowed}`,
		details: { rule, path: pathText(first), count: paths.length },
	});
}

/** Does a link at `path` with this target lead out of the tree? By its text alone; an absolute target always does. */
export function escapes(path: GitPath, target: string): boolean {
	if (target.startsWith("/")) return true;
	const end = posix.normalize(posix.join(posix.dirname(path), target));
	return end === ".." || end.startsWith("../");
}

/** Git's own words for it, as in a `.gitattributes`. */
export function mentionsLfs(attributes: string): boolean {
	return /(^|\s)filter=lfs(\s|$)/m.test(attributes);
}

/** The facts of `tree`, from the cache or by reading the tree once. `call` says how to reach the repository. */
export async function treeFacts(tree: string, call: Omit<GitCall, "arguments">, cacheDirectory: string): Promise<TreeFacts> {
	const file = join(cacheDirectory, "trees", tree);
	const remembered = readSmall(file);
	if (remembered !== undefined) return JSON.parse(remembered);
	const facts = await readTreeFacts(tree, call);
	await mkdir(dirname(file), { recursive: true, mode: 0o700 });
	await replaceFile(file, JSON.stringify(facts));
	return facts;
}

/** Which of these paths have the attribute `filter=lfs`. */
export async function lfsPaths(call: Omit<GitCall, "arguments">, paths: readonly GitPath[]): Promise<readonly GitPath[]> {
	const input = Buffer.from(paths.map((path) => `${path}\0`).join(""), "latin1");
	const output = (await git({ ...call, input, arguments: ["check-attr", "-z", "--stdin", "filter"] })).toString("latin1");
	const fields = output.split("\0");
	return paths.filter((_, i) => fields[i * 3 + 2] === "lfs");
}

async function readTreeFacts(tree: string, call: Omit<GitCall, "arguments">): Promise<TreeFacts> {
	const listing = (await git({ ...call, arguments: ["ls-tree", "-r", "-z", "--full-tree", "--end-of-options", tree] })).toString("latin1");
	const entries = listing
		.split("\0")
		.slice(0, -1)
		.map((line) => ({ mode: line.slice(0, 6), id: line.slice(12, line.indexOf("\t")).trim(), path: line.slice(line.indexOf("\t") + 1) }));
	const links = entries.filter((entry) => entry.mode === "120000");
	const attributes = entries.filter((entry) => posix.basename(entry.path) === ".gitattributes" && entry.mode !== "160000");
	const contents = await readBlobs(
		call,
		[...links, ...attributes].map((entry) => entry.id),
	);
	return {
		submodules: entries.filter((entry) => entry.mode === "160000").map((entry) => entry.path),
		escapingLinks: links.filter((entry, i) => escapes(entry.path, contents[i] ?? "")).map((entry) => entry.path),
		lfsAttributes: contents.slice(links.length).some(mentionsLfs),
		caseCollisions: caseCollisions(entries.map((entry) => entry.path)),
	};
}

function caseCollisions(paths: readonly GitPath[]): readonly GitPath[] {
	const seen = new Map<string, GitPath>();
	return paths.filter((path) => {
		const folded = pathText(path).toLowerCase();
		const collides = seen.has(folded);
		seen.set(folded, path);
		return collides;
	});
}

/** The contents of blobs, in order, as latin1 text. */
async function readBlobs(call: Omit<GitCall, "arguments">, ids: readonly string[]): Promise<readonly string[]> {
	if (ids.length === 0) return [];
	const output = await git({ ...call, input: Buffer.from(`${ids.join("\n")}\n`), arguments: ["cat-file", "--batch"] });
	const contents: string[] = [];
	for (let at = 0; at < output.length; ) {
		const line = output.indexOf(10, at);
		const size = Number(output.toString("latin1", at, line).split(" ")[2]);
		contents.push(output.toString("latin1", line + 1, line + 1 + size));
		at = line + size + 2;
	}
	return contents;
}
