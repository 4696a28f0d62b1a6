import { createHash } from "node:crypto";
import { createWriteStream } from "node:fs";
import { chmod, lstat, mkdtemp, readdir, rename, rm } from "node:fs/promises";
import { join, posix } from "node:path";
import { pipeline } from "node:stream/promises";
import { CoveyError } from "@covey/protocol/errors";
import type { ArtifactReference } from "@covey/protocol/task";
import { extract, list } from "tar";
import { createArchivePolicy, leadsIntoGit } from "./archive-policy.ts";
import { makeDirectoryInside, splitRelative } from "./resolve-inside.ts";

/**
 * Puts an artifact at its path below `root`. The content is verified before anything changes there. A file replaces
 * the one before it, or a link, never what a link points to; a directory is merged into the one before it: other
 * files in it stay.
 *
 * @throws CoveyError `bad_request` (wrong digest or size, a path that leads out or into `.git`, an archive entry that has no place in an
 * artifact), `conflict` (something of another kind stands in the way).
 */
export async function placeArtifact(options: {
	readonly root: string;
	readonly artifact: ArtifactReference;
	readonly content: AsyncIterable<Uint8Array>;
}): Promise<void> {
	const { root, artifact, content } = options;
	const parts = splitRelative(artifact.path);
	const name = parts.at(-1);
	if (leadsIntoGit(artifact.path))
		throw new CoveyError("bad_request", `${JSON.stringify(artifact.path)} belongs to git: no artifact is put there`);
	const place = await makeDirectoryInside(root, parts.slice(0, artifact.kind === "file" ? -1 : undefined).join("/") || ".");
	const building = await mkdtemp(join(place, ".covey-artifact-"));
	try {
		const received = join(building, "received");
		await receive(content, artifact, received);
		if (artifact.kind === "directory") {
			await unarchive(received, join(building, "files"));
			await merge(join(building, "files"), place);
			return;
		}
		if (name === undefined) throw new CoveyError("bad_request", `${JSON.stringify(artifact.path)} does not name a file`);
		await chmod(received, artifact.mode & 0o777);
		await replace(received, join(place, name));
	} finally {
		await rm(building, { recursive: true, force: true });
	}
}

async function receive(content: AsyncIterable<Uint8Array>, artifact: ArtifactReference, path: string): Promise<void> {
	const hash = createHash("sha256");
	let bytes = 0;
	const wrong = (what: string) => new CoveyError("bad_request", `the artifact ${artifact.path} arrived with ${what}: nothing was changed`);
	async function* verified() {
		for await (const chunk of content) {
			bytes += chunk.length;
			if (bytes > artifact.bytes) throw wrong(`more than its ${artifact.bytes} bytes`);
			hash.update(chunk);
			yield chunk;
		}
	}
	await pipeline(verified(), createWriteStream(path, { flags: "wx" }));
	if (bytes !== artifact.bytes) throw wrong(`${bytes} of its ${artifact.bytes} bytes`);
	if (hash.digest("hex") !== artifact.digest) throw wrong("other content than its digest says");
}

/** Reads the archive twice: nothing is written before every entry has been judged. */
async function unarchive(archive: string, into: string): Promise<void> {
	const judge = createArchivePolicy();
	let refused: unknown;
	const look = (entry: { path: string; type: string; size: number; linkpath?: string | undefined }) => {
		try {
			if (refused === undefined && posix.normalize(entry.path) !== "./") judge(entry);
		} catch (error) {
			refused = error;
		}
	};
	await list({ file: archive, strict: true, onReadEntry: look });
	if (refused !== undefined) throw refused;
	await makeDirectoryInside(join(into, ".."), "files");
	await extract({ file: archive, cwd: into, strict: true, preserveOwner: false, noMtime: true, dmode: 0o755, fmode: 0o644 });
}

/** `from` was made by us and has no link on the way to any of its entries. */
async function merge(from: string, into: string): Promise<void> {
	for (const entry of await readdir(from, { withFileTypes: true })) {
		const source = join(from, entry.name);
		if (!entry.isDirectory()) await replace(source, join(into, entry.name));
		else await merge(source, await makeDirectoryInside(into, entry.name));
	}
}

async function replace(source: string, target: string): Promise<void> {
	const found = await lstat(target).catch(() => undefined);
	if (found?.isDirectory()) throw new CoveyError("conflict", `${target} is a directory, and the artifact is not`, { hint: "move it away" });
	const { mode } = await lstat(source);
	if ((await lstat(source)).isFile()) await chmod(source, mode & 0o777);
	await rename(source, target);
}
