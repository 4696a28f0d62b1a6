import type { IndexFile, KnownTree } from "./index-file.ts";
import { type GitObject, gitObject } from "./object.ts";

/** What stands at a path now; undefined: nothing. */
export type Change = { readonly mode: string; readonly id: string } | undefined;

/**
 * The tree of an index with some paths changed, and those of its tree objects that git is not known to have. Directories
 * without a change are not even looked at when the index knows their trees.
 *
 * @param changes by path, its bytes as latin1.
 * @returns undefined when the changes do not fit together (a file where a directory stays).
 */
export function buildTree(
	index: IndexFile,
	changes: ReadonlyMap<string, Change>,
): { readonly tree: string; readonly trees: readonly GitObject[] } | undefined {
	const trees: GitObject[] = [];
	const build = (range: Range): string | undefined | "misfit" => {
		const items = new Map<string, Item>();
		const { changed, known, prefix } = range;
		const visited = new Set<string>();
		const enter = (name: string, from: number, to: number): boolean => {
			visited.add(name);
			const below = known?.directories.get(name);
			const changedBelow = changed?.directories.get(name);
			const untouched = !changedBelow && from < to ? below?.id : undefined;
			const id = untouched ?? build({ prefix: `${prefix}${name}/`, from, to, known: below, changed: changedBelow });
			if (id === "misfit" || (id !== undefined && items.has(name))) return false;
			if (id !== undefined) items.set(name, { mode: directoryMode, id });
			return true;
		};
		for (let entry = range.from; entry < range.to; ) {
			const rest = index.path(entry).slice(prefix.length);
			const slash = rest.indexOf("/");
			if (slash < 0) {
				if (!changed?.files.has(rest)) items.set(rest, { mode: index.mode(entry), id: index.id(entry) });
				entry++;
				continue;
			}
			const name = rest.slice(0, slash);
			const end = index.endOf(entry, range.to, `${prefix}${name}/`, known?.directories.get(name));
			if (!enter(name, entry, end)) return "misfit";
			entry = end;
		}
		for (const name of changed?.directories.keys() ?? []) {
			if (!visited.has(name) && !enter(name, 0, 0)) return "misfit";
		}
		for (const [name, change] of changed?.files ?? []) {
			if (change && items.has(name)) return "misfit";
			if (change) items.set(name, change);
		}
		if (items.size === 0) return undefined;
		const object = gitObject("tree", encodeTree(items), index.idLength);
		trees.push(object);
		return object.id;
	};
	const tree = build({ prefix: "", from: 0, to: index.entries, known: index.trees, changed: nest(changes) });
	return tree === undefined || tree === "misfit" ? undefined : { tree, trees };
}

interface Item {
	readonly mode: string;
	readonly id: string;
}

/** The entries of one directory and all below it, and what has changed there. */
interface Range {
	readonly prefix: string;
	readonly from: number;
	readonly to: number;
	readonly known: KnownTree | undefined;
	readonly changed: Changed | undefined;
}

/** Changes by directory. */
interface Changed {
	readonly files: Map<string, Change>;
	readonly directories: Map<string, Changed>;
}

const directoryMode = "40000";

function nest(changes: ReadonlyMap<string, Change>): Changed {
	const root: Changed = { files: new Map(), directories: new Map() };
	for (const [path, change] of changes) {
		const parts = path.split("/");
		const name = parts.pop() as string;
		let at = root;
		for (const part of parts) {
			const below = at.directories.get(part) ?? { files: new Map(), directories: new Map() };
			at.directories.set(part, below);
			at = below;
		}
		at.files.set(name, change);
	}
	return root;
}

/** Sorted as git does it: by bytes, a directory as if its name ended with a slash. */
function encodeTree(items: ReadonlyMap<string, Item>): Buffer {
	const sorted = [...items]
		.map(([name, item]) => ({ name, item, key: item.mode === directoryMode ? `${name}/` : name }))
		.sort((a, b) => (a.key < b.key ? -1 : 1));
	return Buffer.concat(sorted.flatMap(({ name, item }) => [Buffer.from(`${item.mode} ${name}\0`, "latin1"), Buffer.from(item.id, "hex")]));
}
