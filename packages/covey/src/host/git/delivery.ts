import { lstat } from "node:fs/promises";
import { join } from "node:path";
import { replaceFile } from "#host/fs/replace-file.ts";
import { readSmall, type SnapshotCache } from "./cache.ts";
import { type GitObject, loosePath, writeLooseObjects } from "./object.ts";
import type { PrivateIndex } from "./private-index.ts";
import { encodePack } from "./small-pack.ts";

/** How a snapshot gets to where it is wanted. */
export interface Delivery {
	/**
	 * A pack made without a process, against a snapshot that a coordinator was given before. That one may have forgotten
	 * it, or this be another; then `packSnapshot` makes one that fits.
	 */
	readonly smallPack: SmallPack | undefined;
	/** Puts the objects where git finds them, as `packSnapshot` needs it. Safe twice. */
	store(): Promise<void>;
	/** To be called when a coordinator has the snapshot: the next one is packed against it. */
	delivered(): Promise<void>;
}

export interface SmallPack {
	readonly bases: readonly string[];
	readonly content: Buffer;
}

/**
 * Two snapshots of the same index differ only in what was made for each of them; everything else is the index's. So
 * what has to travel is known without a look at any tree.
 *
 * @param index of which the snapshot was made; undefined: git made it, and nobody knows of what.
 * @param objects all that may be new in it, the commit too.
 */
export function createDelivery(made: {
	readonly cache: SnapshotCache;
	readonly index: PrivateIndex | undefined;
	readonly commit: string;
	readonly objects: readonly GitObject[];
}): Delivery {
	const { cache, index, commit, objects } = made;
	const file = index && join(index.directory, "delivered");
	const before = file ? readDelivered(file) : undefined;
	let storing: Promise<void> | undefined;
	const store = async () => {
		const there = await Promise.all(objects.map(({ id }) => exists(loosePath(cache.objects, id))));
		await writeLooseObjects(
			cache.objects,
			objects.filter((_, i) => !there[i]),
		);
	};
	const packed = before && before.commit !== commit && packAgainst(before, objects, commit.length);
	const delivery: Delivery = {
		smallPack: packed || undefined,
		store: () => (storing ??= store()),
		async delivered() {
			await delivery.store();
			if (!file || before?.commit === commit) return;
			const now: Delivered = { commit, objects: objects.map(({ id }) => id) };
			await replaceFile(file, JSON.stringify(now));
		},
	};
	return delivery;
}

/** A snapshot that a coordinator was given, and what of it was not the index's. */
interface Delivered {
	readonly commit: string;
	readonly objects: readonly string[];
}

function readDelivered(file: string): Delivered | undefined {
	const text = readSmall(file);
	return text === undefined ? undefined : JSON.parse(text);
}

function packAgainst(before: Delivered, objects: readonly GitObject[], idLength: number): SmallPack | undefined {
	const known = new Set(before.objects);
	const content = encodePack(
		objects.filter(({ id }) => !known.has(id)),
		idLength,
	);
	return content && { bases: [before.commit], content };
}

async function exists(path: string): Promise<boolean> {
	return lstat(path).then(
		() => true,
		() => false,
	);
}
