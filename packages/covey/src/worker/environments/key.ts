import { createHash } from "node:crypto";
import { lstat, readFile } from "node:fs/promises";
import { git } from "#host/git/git.ts";
import { type GitPath, pathBytes } from "#host/git/status.ts";
import type { EnterRequest } from "./environments.ts";
import type { Kind } from "./kinds.ts";

/** Files that make an environment and are larger than this together are not looked through: it is one of the whole tree. */
const sourceBytesMax = 4 * 1024 * 1024;

interface Entry {
	/** Mode, object and stage. */
	readonly is: string;
	readonly path: GitPath;
}

/**
 * What an environment is a function of; equal keys share one that is ready. Repositories never share: whoever may write
 * to one must not choose what the jobs of another source. Within one it is the tracked files that make it, those that
 * they mention, and, where they may read what they do not name, the whole tree.
 */
export async function keyOf(kind: Kind, { root, scope, request, signal }: Omit<EnterRequest, "kind">): Promise<string> {
	const listing = await git({ trust: "own", directory: root, arguments: ["ls-files", "--stage", "-z"], signal });
	const entries = parse(listing.toString("latin1"));
	const maker = [kind.name, scope, kind.movable ? "" : root, (request.isolation ?? 0) >= 2];
	// Where a job's variables take part in the set-up, they choose what runs in it.
	const variables = kind.contained ? [] : Object.entries(request.environment).sort(([a], [b]) => (a < b ? -1 : 1));
	const hash = createHash("sha256").update(JSON.stringify([...maker, variables]));
	for (const { is, path } of await makersOf(kind, root, entries)) hash.update(`\0${is}\t${path}`, "latin1");
	return hash.digest("hex").slice(0, 40);
}

function parse(listing: string): Entry[] {
	return listing
		.split("\0")
		.filter(Boolean)
		.map((line) => ({ is: line.slice(0, line.indexOf("\t")), path: line.slice(line.indexOf("\t") + 1) }));
}

async function makersOf(kind: Kind, root: string, entries: readonly Entry[]): Promise<readonly Entry[]> {
	const text = await textOf(
		root,
		entries.filter(({ path }) => kind.madeOf.test(path)),
	);
	if (text === undefined || kind.readsAll(text)) return entries;
	const mentions = mentionsIn(text);
	const makers = entries.filter(({ path }) => kind.madeOf.test(path) || mentions(path));
	// What a link leads to goes by another name.
	return makers.some(isLink) ? entries : makers;
}

/** Undefined when it cannot be told what they say. */
async function textOf(root: string, sources: readonly Entry[]): Promise<string | undefined> {
	let text = "";
	for (const source of sources) {
		const path = pathBytes(root, source.path);
		const facts = await lstat(path).catch(() => undefined);
		if (!facts?.isFile() || text.length + facts.size > sourceBytesMax) return undefined;
		text += `${await readFile(path, "latin1")}\n`;
	}
	return text;
}

/** Whether a text names a file, or in a path or a string a directory that it lies in. Rather once too often. */
function mentionsIn(text: string): (path: GitPath) => boolean {
	const words = new Set(piecesOf(text));
	const steps = new Set(Array.from(text.matchAll(/\/([\w.+-]+)|([\w.+-]+)(?=\/)|"([\w.+-]+)"/g), ([, a, b, c]) => a ?? b ?? c));
	return (path) => {
		const directories = path.split("/");
		const name = directories.pop() as string;
		return (
			piecesOf(name).every((piece) => words.has(piece)) ||
			directories.some((directory) => piecesOf(directory).every((piece) => steps.has(piece)))
		);
	};
}

function piecesOf(text: string): string[] {
	return text.split(/[^\w.+-]+/).filter(Boolean);
}

function isLink({ is }: Entry): boolean {
	return is.startsWith("120000 ");
}
