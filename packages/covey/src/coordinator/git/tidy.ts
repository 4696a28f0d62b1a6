import { dropUnreachable } from "#host/git/bare.ts";
import type { StoredRepository } from "./stored-repository.ts";

export interface Retention {
	readonly now: () => number;
	readonly snapshotsMax: number;
	readonly snapshotAgeMaxMs: number;
}

/**
 * Drops the least recently used snapshots beyond the limits, and then all objects that nothing needs. Must run alone
 * in its repository: an upload that relies on an object must not lose it.
 * @returns how many snapshots were dropped.
 */
export async function tidy(
	stored: StoredRepository,
	pinned: (commit: string) => boolean,
	retention: Retention,
	signal?: AbortSignal,
): Promise<number> {
	const oldest = retention.now() - retention.snapshotAgeMaxMs;
	const newestFirst = [...stored.usedAt].sort(([, a], [, b]) => b - a);
	const dropped = newestFirst.filter(([commit, usedAt], place) => (place >= retention.snapshotsMax || usedAt < oldest) && !pinned(commit));
	for (const [commit] of dropped) await stored.remove(commit);
	await dropUnreachable(stored.directory, signal);
	return dropped.length;
}
