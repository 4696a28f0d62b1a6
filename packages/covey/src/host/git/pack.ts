import { lstat } from "node:fs/promises";
import { CoveyError } from "@covey/protocol/errors";
import { objectEnvironment } from "./cache.ts";
import { streamGit } from "./git.ts";
import { loosePath } from "./object.ts";
import type { Snapshot } from "./snapshot.ts";

/** A pack, and the commits that whoever unpacks it must have. */
export interface Pack {
	readonly bases: readonly string[];
	readonly content: AsyncIterable<Uint8Array>;
}

/**
 * The snapshot's objects as a thin pack against those of `bases` (snapshot commits that the other side has) that are
 * known here too. Against several bases nothing is gained over the newest two.
 */
export async function packSnapshot(options: {
	readonly snapshot: Pick<Snapshot, "commit" | "objectDirectories" | "worktreeRoot" | "store">;
	readonly bases: readonly string[];
	readonly signal?: AbortSignal;
}): Promise<Pack> {
	const { snapshot, signal } = options;
	await snapshot.store();
	const known: string[] = [];
	for (const base of options.bases) {
		if (known.length < basesMax && (await knownHere(snapshot.objectDirectories, base))) known.push(base);
	}
	return {
		bases: known,
		content: packObjects({
			trust: "user",
			directory: snapshot.worktreeRoot,
			environment: objectEnvironment(snapshot.objectDirectories),
			want: snapshot.commit,
			bases: known,
			signal,
		}),
	};
}

const basesMax = 2;

/** Streams `want` and everything it reaches, without what `bases` reach. */
export function packObjects(options: {
	readonly trust: "own" | "user";
	readonly directory: string;
	readonly environment?: Readonly<Record<string, string>>;
	readonly want: string;
	readonly bases: readonly string[];
	readonly signal?: AbortSignal | undefined;
}): AsyncIterable<Uint8Array> {
	const { want, bases, ...call } = options;
	for (const id of [want, ...bases]) {
		if (!/^[0-9a-f]{40}([0-9a-f]{24})?$/.test(id)) throw new CoveyError("bad_request", `${JSON.stringify(id)} is not a git object id`);
	}
	return streamGit({
		...call,
		input: Buffer.from([want, ...bases.map((base) => `^${base}`), ""].join("\n")),
		// --shallow: count the trees of bases as known although no commit descends from them.
		arguments: ["pack-objects", "--revs", "--thin", "--shallow", "--delta-base-offset", "--stdout", "-q"],
	});
}

/** Snapshot commits are stored as loose objects, behind all that they refer to, so one look at the disk answers. */
async function knownHere(objectDirectories: readonly string[], commit: string): Promise<boolean> {
	for (const directory of objectDirectories) {
		const found = await lstat(loosePath(directory, commit)).catch(() => undefined);
		if (found) return true;
	}
	return false;
}
