import { createHash } from "node:crypto";
import { mkdir, rename, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { deflateSync } from "node:zlib";

/** The commit that stands for a tree: no parent, and nothing in it but the tree, so equal trees are equal commits everywhere. */
export function snapshotCommit(tree: string): { readonly commit: string; readonly content: Buffer } {
	const who = "Covey <covey@localhost> 0 +0000";
	const content = Buffer.from(`tree ${tree}\nauthor ${who}\ncommitter ${who}\n\nsnapshot\n`);
	return { commit: objectId("commit", content, tree.length), content };
}

/** @param idLength 40 for SHA-1 repositories, 64 for SHA-256. */
export function objectId(type: "commit" | "tree" | "blob", content: Uint8Array, idLength: number): string {
	return createHash(idLength === 64 ? "sha256" : "sha1")
		.update(`${type} ${content.length}\0`)
		.update(content)
		.digest("hex");
}

export function loosePath(objects: string, id: string): string {
	return join(objects, id.slice(0, 2), id.slice(2));
}

/** Writes it as git does: deflated, under its own name, complete or not at all. */
export async function writeLooseObject(objects: string, type: "commit" | "tree", content: Uint8Array, id: string): Promise<void> {
	const path = loosePath(objects, id);
	const temporary = `${path}.${process.pid}.new`;
	await mkdir(dirname(path), { recursive: true });
	await writeFile(temporary, deflateSync(Buffer.concat([Buffer.from(`${type} ${content.length}\0`), content])), { mode: 0o444 });
	await rename(temporary, path);
}
