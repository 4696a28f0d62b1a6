import { mkdirSync, readFileSync } from "node:fs";
import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";

/** One person's cache for one repository: snapshot objects and what was learnt of trees. Losing it costs time only. */
export interface SnapshotCache {
	readonly directory: string;
	/** Where new objects go. */
	readonly objects: string;
	/** Yesterday's objects, read as an alternate. */
	readonly olderObjects: string;
}

const dayMs = 24 * 3600 * 1000;

/**
 * Objects live in a directory per day and are read for one day more, so the cache is bounded by what two days wrote
 * and nothing has to decide what is still needed. The directory before those goes when a new one is made: no snapshot
 * in the making is that old.
 */
export async function openSnapshotCache(cacheDirectory: string, repository: string, now = Date.now()): Promise<SnapshotCache> {
	const directory = join(cacheDirectory, "repositories", repository);
	const day = Math.floor(now / dayMs);
	const cache = { directory, objects: join(directory, `objects-${day}`), olderObjects: join(directory, `objects-${day - 1}`) };
	const made = mkdirSync(cache.objects, { recursive: true, mode: 0o700 });
	if (made !== undefined) await dropOlder(directory, day - 1);
	return cache;
}

async function dropOlder(directory: string, oldestDay: number): Promise<void> {
	for (const name of await readdir(directory)) {
		const day = /^objects-(\d+)$/.exec(name)?.[1];
		if (day !== undefined && Number(day) < oldestDay) await rm(join(directory, name), { recursive: true, force: true });
	}
}

/**
 * What was remembered in a small file, if it is there. Read at once: a promise comes back only when everything else
 * that a starting program does has had its turn, and much waits for this.
 */
export function readSmall(file: string): string | undefined {
	try {
		return readFileSync(file, "utf8");
	} catch {
		return undefined;
	}
}

/** How git is told to write objects to the first directory and to read the others too. */
export function objectEnvironment(directories: readonly string[]): Record<string, string> {
	const [own = "", ...others] = directories;
	return { GIT_OBJECT_DIRECTORY: own, GIT_ALTERNATE_OBJECT_DIRECTORIES: others.map(quote).join(":") };
}

/** Git takes a list separated by colons; a path that holds one is written as a C string. */
function quote(path: string): string {
	return /[:"\\\n]/.test(path) ? `"${path.replace(/["\\]/g, "\\$&").replaceAll("\n", "\\n")}"` : path;
}
