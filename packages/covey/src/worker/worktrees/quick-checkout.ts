import { lstatSync, mkdirSync, readFileSync, renameSync, rmdirSync, symlinkSync, unlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Change } from "#host/git/build-tree.ts";
import { editIndex } from "#host/git/edit-index.ts";
import { parseIndex } from "#host/git/index-file.ts";
import { readLooseObject } from "#host/git/object.ts";
import { isHarmless } from "#host/git/small-pack-check.ts";
import { pathBytes } from "#host/git/status.ts";
import { differenceTo } from "#host/git/tree-difference.ts";
import type { WorktreePlaces } from "./checkout.ts";

/**
 * Brings a warm worktree from the tree in its index to another one that differs in a few files, without a process: the
 * files are written as their objects are, and the index says what they should be. Nothing is proved by that; git
 * compares the contents afterwards, and mends what is not so.
 *
 * Where git might write anything but the very bytes (there are attributes somewhere), where a job left something else
 * than a plain file or directory in the way, or where objects are packed, this is for git.
 *
 * @returns false then; some files may be written already.
 */
export function checkoutQuickly({ root, books, objects }: WorktreePlaces, tree: string): boolean {
	try {
		const path = join(books, "index");
		const content = readFileSync(path);
		const index = parseIndex(content, tree.length);
		if (!index || content.includes(".gitattributes")) return false;
		const readTree = (id: string) => readLooseObject(objects, "tree", id, contentBytesMax);
		const changes = differenceTo(tree, index, readTree, changesMax);
		if (!changes || ![...changes.keys()].every((name) => name.split("/").every(isHarmless))) return false;
		const contents = readContents(objects, changes);
		if (!contents) return false;
		for (const [name, change] of changes) if (!change && !remove(root, name)) return false;
		for (const [name, change] of changes) if (change && !write(root, name, change.mode, contents.get(name) as Buffer)) return false;
		writeFileSync(`${path}.new`, editIndex(content, index, changes));
		renameSync(`${path}.new`, path);
		return true;
	} catch {
		// What stands in the way is no plain file: git knows how to go about it, or says why it cannot.
		return false;
	}
}

const changesMax = 256;
const contentBytesMax = 4 * 1024 * 1024;
const linkMode = "120000";
const modes: Readonly<Record<string, number>> = { "100644": 0o666, "100755": 0o777, [linkMode]: 0 };

function readContents(objects: string, changes: ReadonlyMap<string, Change>): ReadonlyMap<string, Buffer> | undefined {
	const contents = new Map<string, Buffer>();
	let left = contentBytesMax;
	for (const [name, change] of changes) {
		if (!change) continue;
		const content = change.mode in modes ? readLooseObject(objects, "blob", change.id, left) : undefined;
		if (!content) return undefined;
		left -= content.length;
		contents.set(name, content);
	}
	return contents;
}

function write(root: string, name: string, mode: string, content: Buffer): boolean {
	if (!enter(root, name, true)) return false;
	const path = pathBytes(root, name);
	const found = lstatSync(path, { throwIfNoEntry: false });
	if (found && !found.isFile() && !found.isSymbolicLink()) return false;
	if (found) unlinkSync(path);
	if (mode === linkMode) symlinkSync(content, path);
	else writeFileSync(path, content, { flag: "wx", mode: modes[mode] as number });
	return true;
}

/** Directories that become empty go too. */
function remove(root: string, name: string): boolean {
	if (!enter(root, name, false)) return true;
	const path = pathBytes(root, name);
	const found = lstatSync(path, { throwIfNoEntry: false });
	if (found && !found.isFile() && !found.isSymbolicLink()) return false;
	if (found) unlinkSync(path);
	for (let at = name.lastIndexOf("/"); at > 0; at = name.lastIndexOf("/", at - 1)) {
		try {
			rmdirSync(pathBytes(root, name.slice(0, at)));
		} catch {
			break;
		}
	}
	return true;
}

/** Are all directories above it directories, and not links to elsewhere? */
function enter(root: string, name: string, make: boolean): boolean {
	for (let at = name.indexOf("/"); at > 0; at = name.indexOf("/", at + 1)) {
		const path = pathBytes(root, name.slice(0, at));
		const found = lstatSync(path, { throwIfNoEntry: false });
		if (found?.isDirectory()) continue;
		if (found || !make) return false;
		mkdirSync(path);
	}
	return true;
}
