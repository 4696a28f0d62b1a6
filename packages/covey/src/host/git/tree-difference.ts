import type { Change } from "./build-tree.ts";
import type { IndexFile, KnownTree } from "./index-file.ts";

/** Reads a tree object; undefined when it is not to be had without git. */
export type ReadTree = (id: string) => Buffer | undefined;

/**
 * What has to change for an index to be this tree, by path. Directories of which the index knows that they are the same
 * are not looked at.
 *
 * @returns undefined when a tree cannot be read or there is more than `changesMax`.
 */
export function differenceTo(
	tree: string,
	index: IndexFile,
	readTree: ReadTree,
	changesMax: number,
): ReadonlyMap<string, Change> | undefined {
	const changes = new Map<string, Change>();
	const differ = (id: string | undefined, prefix: string, from: number, to: number, known: KnownTree | undefined): boolean => {
		if (id !== undefined && known?.id === id) return true;
		const content = id === undefined ? Buffer.alloc(0) : readTree(id);
		if (!content) return false;
		const wanted = readEntries(content, index.idLength / 2);
		for (let entry = from; entry < to; ) {
			const rest = index.path(entry).slice(prefix.length);
			const slash = rest.indexOf("/");
			if (slash < 0) {
				const item = wanted.get(rest);
				if (!item || item.mode === directoryMode) changes.set(prefix + rest, undefined);
				else if (item.id !== index.id(entry) || item.mode !== index.mode(entry)) changes.set(prefix + rest, item);
				if (item?.mode !== directoryMode) wanted.delete(rest);
				entry++;
			} else {
				const name = rest.slice(0, slash);
				const item = wanted.get(name);
				const below = known?.directories.get(name);
				const end = index.endOf(entry, to, `${prefix}${name}/`, below);
				const isDirectory = item?.mode === directoryMode;
				if (!differ(isDirectory ? item.id : undefined, `${prefix}${name}/`, entry, end, below)) return false;
				if (isDirectory) wanted.delete(name);
				entry = end;
			}
			if (changes.size > changesMax) return false;
		}
		for (const [name, item] of wanted) {
			if (item.mode === directoryMode) {
				if (!differ(item.id, `${prefix}${name}/`, 0, 0, undefined)) return false;
			} else changes.set(prefix + name, item);
		}
		return changes.size <= changesMax;
	};
	return differ(tree, "", 0, index.entries, index.trees) ? changes : undefined;
}

const directoryMode = "40000";

/** `mode SP name NUL id`, again and again; names as latin1. */
function readEntries(content: Buffer, idBytes: number): Map<string, { readonly mode: string; readonly id: string }> {
	const entries = new Map<string, { mode: string; id: string }>();
	for (let at = 0; at < content.length; ) {
		const space = content.indexOf(32, at);
		const end = content.indexOf(0, space);
		const mode = content.toString("latin1", at, space);
		entries.set(content.toString("latin1", space + 1, end), { mode, id: content.toString("hex", end + 1, end + 1 + idBytes) });
		at = end + 1 + idBytes;
	}
	return entries;
}
