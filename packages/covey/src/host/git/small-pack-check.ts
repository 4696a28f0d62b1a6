import { type GitObject, snapshotCommit } from "./object.ts";
import type { ObjectLookup } from "./object-lookup.ts";

/**
 * Is that, beyond doubt, what `git unpack-objects --strict` would take: well-formed trees of harmless names in their
 * order, which refer only to what is among the objects or there already, and a snapshot's commit? Names that one file
 * system or another takes for something of git's, submodules, and all that git itself looks into are no question for here.
 *
 * @returns the objects, each behind all that it refers to; undefined when there is any doubt: git has to judge.
 */
export function orderSoundObjects(objects: readonly GitObject[], lookup: ObjectLookup): readonly GitObject[] | undefined {
	const byId = new Map(objects.map((object) => [object.id, object]));
	const ordered = new Map<string, GitObject>();
	let lookups = 0;
	const stands = (id: string, type: GitObject["type"], depth: number): boolean => {
		const object = byId.get(id);
		if (object) return object.type === type && visit(object, depth);
		return ++lookups <= lookupsMax && lookup.typeOf(id) === type;
	};
	const visit = (object: GitObject, depth: number): boolean => {
		if (ordered.has(object.id)) return true;
		const references = depth < depthMax ? referencesOf(object) : undefined;
		if (!references?.every(({ id, type }) => stands(id, type, depth + 1))) return false;
		ordered.set(object.id, object);
		return true;
	};
	return objects.every((object) => visit(object, 0)) ? [...ordered.values()] : undefined;
}

const lookupsMax = 20_000;
const depthMax = 512;

interface Reference {
	readonly id: string;
	readonly type: GitObject["type"];
}

function referencesOf({ type, content, id }: GitObject): readonly Reference[] | undefined {
	if (type === "blob") return [];
	if (type === "tree") return readTree(content, id.length / 2);
	const tree = /^tree ([0-9a-f]+)\n/.exec(content.toString("latin1"))?.[1];
	return tree !== undefined && snapshotCommit(tree).commit === id ? [{ id: tree, type: "tree" }] : undefined;
}

const typesByMode: Readonly<Record<string, GitObject["type"]>> = { "40000": "tree", "100644": "blob", "100755": "blob", "120000": "blob" };

/** `mode SP name NUL id`, again and again. @returns undefined for a tree that is not plainly sound. */
function readTree(content: Buffer, idBytes: number): readonly Reference[] | undefined {
	const references: Reference[] = [];
	const names = new Set<string>();
	let last = "";
	for (let at = 0; at < content.length; ) {
		const space = content.indexOf(32, at);
		const end = content.indexOf(0, at);
		if (space < at || end < space || end + 1 + idBytes > content.length) return undefined;
		const mode = content.toString("latin1", at, space);
		const name = content.toString("latin1", space + 1, end);
		const type = typesByMode[mode];
		const key = type === "tree" ? `${name}/` : name;
		if (!type || !isHarmless(name) || key <= last || names.has(name)) return undefined;
		const id = content.toString("hex", end + 1, end + 1 + idBytes);
		if (/^0+$/.test(id)) return undefined;
		references.push({ id, type });
		names.add(name);
		last = key;
		at = end + 1 + idBytes;
	}
	return references;
}

const plainGitNames = new Set([".github", ".gitignore", ".gitkeep", ".gitlab", ".gitlab-ci.yml"]);

/**
 * May a file be called so, on any file system, with nothing of git's in danger? Some ignore case, some characters beyond ASCII, a dot or space at the end, or know a second name with a
 * tilde; a backslash or a colon parts names elsewhere. What is left without all that must not come near `.git`.
 */
export function isHarmless(name: string): boolean {
	if (name === "" || name === "." || name === ".." || /[/\\:~]/.test(name)) return false;
	const ascii = name.replace(/[^\x20-\x7e]/g, "").toLowerCase();
	return plainGitNames.has(name) || !ascii.startsWith(".git");
}
