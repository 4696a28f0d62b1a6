import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { mkdir, open, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { deflateSync, inflateSync } from "node:zlib";

export interface GitObject {
	readonly type: "commit" | "tree" | "blob";
	readonly id: string;
	readonly content: Buffer;
}

/** @param idLength 40 for SHA-1 repositories, 64 for SHA-256. */
export function gitObject(type: GitObject["type"], content: Buffer, idLength: number): GitObject {
	return { type, content, id: objectId(type, content, idLength) };
}

/** The commit that stands for a tree: no parent, and nothing in it but the tree, so equal trees are equal commits everywhere. */
export function snapshotCommit(tree: string): { readonly commit: string; readonly content: Buffer } {
	const who = "Covey <covey@localhost> 0 +0000";
	const content = Buffer.from(`tree ${tree}\nauthor ${who}\ncommitter ${who}\n\nsnapshot\n`);
	return { commit: objectId("commit", content, tree.length), content };
}

/** @param idLength 40 for SHA-1 repositories, 64 for SHA-256. */
export function objectId(type: GitObject["type"], content: Uint8Array, idLength: number): string {
	return createHash(idLength === 64 ? "sha256" : "sha1")
		.update(`${type} ${content.length}\0`)
		.update(content)
		.digest("hex");
}

export function loosePath(objects: string, id: string): string {
	return join(objects, id.slice(0, 2), id.slice(2));
}

/**
 * Writes them as git does: deflated, each under its own name, complete or not at all, and none before those in front of
 * it. With `flush` each is on disk before it gets its name.
 */
export async function writeLooseObjects(
	objects: string,
	written: readonly GitObject[],
	options: { readonly flush?: boolean } = {},
): Promise<void> {
	// By such a name git knows them for what they are, and clears them away after a crash.
	const paths = written.map(({ id }) => join(dirname(loosePath(objects, id)), `tmp_obj_${process.pid}_${made++}`));
	// All have ended before one failure is told, so that nothing is written behind the clearing up.
	const results = await Promise.allSettled(written.map((object, i) => writeTemporary(paths[i] as string, object, options)));
	const failed = results.find((result) => result.status === "rejected");
	if (failed) {
		await Promise.all(paths.map((path) => rm(path, { force: true })));
		throw failed.reason;
	}
	for (const [i, { id }] of written.entries()) await rename(paths[i] as string, loosePath(objects, id));
}

async function writeTemporary(path: string, { type, content }: GitObject, options: { readonly flush?: boolean }): Promise<void> {
	const file = await open(path, "wx", 0o444).catch(async () => {
		await mkdir(dirname(path), { recursive: true });
		return open(path, "wx", 0o444);
	});
	try {
		await file.writeFile(deflateSync(Buffer.concat([Buffer.from(`${type} ${content.length}\0`), content])));
		if (options.flush) await file.sync();
	} finally {
		await file.close();
	}
}

/** So that two writers of one process do not share a temporary file. */
let made = 0;

/** @returns its content if it is there loose, of this type, whole and no larger; of packed ones only git knows. */
export function readLooseObject(objects: string, type: GitObject["type"], id: string, bytesMax: number): Buffer | undefined {
	try {
		const whole = inflateSync(readFileSync(loosePath(objects, id)), { maxOutputLength: bytesMax + headBytesMax });
		const end = whole.indexOf(0);
		const content = whole.subarray(end + 1);
		const sound = whole.toString("latin1", 0, end) === `${type} ${content.length}` && objectId(type, content, id.length) === id;
		return sound ? content : undefined;
	} catch {
		return undefined;
	}
}

const headBytesMax = 32;
