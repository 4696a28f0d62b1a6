import { createHash } from "node:crypto";
import type { Change } from "./build-tree.ts";
import type { IndexFile, KnownTree } from "./index-file.ts";

/**
 * An index (version 2) with some paths changed. Of the changed ones it says nothing but what they should be: git compares
 * their contents when it looks next. What it knew of the trees above them is forgotten.
 *
 * @param content what `index` was read from.
 */
export function editIndex(content: Buffer, index: IndexFile, changes: ReadonlyMap<string, Change>): Buffer {
	const added = [...changes].flatMap(([path, change]) => (change ? [{ path, change }] : [])).sort((a, b) => (a.path < b.path ? -1 : 1));
	const parts: Buffer[] = [];
	let entries = 0;
	const add = (part: Buffer) => {
		parts.push(part);
		entries++;
	};
	let next = 0;
	let kept = 0;
	// Entries that stay stay in runs, so that a large index is not cut into pieces.
	const keepUpTo = (entry: number) => {
		if (entry > kept) parts.push(content.subarray(index.offset(kept), index.offset(entry)));
		entries += entry - kept;
	};
	for (const at of placesOf(index, changes)) {
		keepUpTo(at.entry);
		while (next < added.length && (added[next] as Added).path <= at.path) add(encodeEntry(added[next++] as Added));
		kept = at.entry + (at.replaces ? 1 : 0);
	}
	keepUpTo(index.entries);
	const header = Buffer.from(content.subarray(0, 12));
	header.writeUInt32BE(entries, 8);
	const trees = index.trees ? encodeTrees(index.trees, changes) : Buffer.alloc(0);
	const body = Buffer.concat([header, ...parts, trees]);
	const checksum = createHash(index.idLength === 64 ? "sha256" : "sha1")
		.update(body)
		.digest();
	return Buffer.concat([body, checksum]);
}

interface Added {
	readonly path: string;
	readonly change: NonNullable<Change>;
}

/** Where each changed path stands or belongs, in order. */
function placesOf(index: IndexFile, changes: ReadonlyMap<string, Change>): { path: string; entry: number; replaces: boolean }[] {
	return [...changes.keys()].sort().map((path) => {
		let [low, high] = [0, index.entries];
		while (low < high) {
			const middle = (low + high) >>> 1;
			if (index.path(middle) < path) low = middle + 1;
			else high = middle;
		}
		return { path, entry: low, replaces: low < index.entries && index.path(low) === path };
	});
}

function encodeEntry({ path, change }: Added): Buffer {
	const name = Buffer.from(path, "latin1");
	const id = Buffer.from(change.id, "hex");
	const flagsAt = 40 + id.length;
	const entry = Buffer.alloc((flagsAt + 2 + name.length + 8) & ~7);
	entry.writeUInt32BE(Number.parseInt(change.mode, 8), 24);
	id.copy(entry, 40);
	entry.writeUInt16BE(Math.min(name.length, 0xfff), flagsAt);
	name.copy(entry, flagsAt + 2);
	return entry;
}

function encodeTrees(root: KnownTree, changes: ReadonlyMap<string, Change>): Buffer {
	const stale = new Set([""]);
	for (const path of changes.keys()) for (let at = path.indexOf("/"); at >= 0; at = path.indexOf("/", at + 1)) stale.add(path.slice(0, at));
	const parts: Buffer[] = [];
	const encode = (name: string, path: string, tree: KnownTree): void => {
		const id = stale.has(path) ? undefined : tree.id;
		parts.push(
			Buffer.from(
				`${name}\0${id === undefined ? -1 : tree.entries} ${tree.directories.size}\n${id === undefined ? "" : Buffer.from(id, "hex").toString("latin1")}`,
				"latin1",
			),
		);
		for (const [below, child] of tree.directories) encode(below, path === "" ? below : `${path}/${below}`, child);
	};
	encode("", "", root);
	const content = Buffer.concat(parts);
	const header = Buffer.from("TREE\0\0\0\0", "latin1");
	header.writeUInt32BE(content.length, 4);
	return Buffer.concat([header, content]);
}
