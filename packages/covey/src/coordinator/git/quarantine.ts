import { randomBytes } from "node:crypto";
import { mkdir, readdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { objectEnvironment } from "#host/git/cache.ts";

/**
 * Where a pack is unpacked before anything of it counts. States of one directory under `quarantine/`:
 * `<id>.incoming` (being checked; thrown away after a crash) → `<id>.ready` (checked; moved in, also after a crash) → gone.
 * Moving in is not atomic, and half of a checked pack would break the store's invariant; rolling forward mends that.
 */
export interface Quarantine {
	/** For git: new objects go to the quarantine, the repository's are read. */
	readonly environment: Readonly<Record<string, string>>;
	readonly objects: string;
	/** Marks it checked and moves its objects into the repository. */
	accept(): Promise<void>;
	/** Leaves nothing of it. Harmless after `accept`. */
	discard(): Promise<void>;
}

export async function openQuarantine(repository: string): Promise<Quarantine> {
	const name = join(repository, "quarantine", randomBytes(8).toString("hex"));
	const [incoming, ready] = [`${name}.incoming`, `${name}.ready`];
	await mkdir(join(incoming, "pack"), { recursive: true });
	return {
		environment: objectEnvironment([incoming, join(repository, "objects")]),
		objects: incoming,
		async accept() {
			await rename(incoming, ready);
			await migrate(ready, join(repository, "objects"));
		},
		async discard() {
			await rm(incoming, { recursive: true, force: true });
		},
	};
}

/** After a start: ends what a crash interrupted. */
export async function settleQuarantines(repository: string): Promise<void> {
	const directory = join(repository, "quarantine");
	for (const name of await readdir(directory).catch(() => [])) {
		const path = join(directory, name);
		if (name.endsWith(".ready")) await migrate(path, join(repository, "objects"));
		else await rm(path, { recursive: true, force: true });
	}
}

async function migrate(from: string, objects: string): Promise<void> {
	for (const folder of await readdir(from)) {
		await mkdir(join(objects, folder), { recursive: true });
		// A pack counts once its index is there, so the index comes last.
		const files = (await readdir(join(from, folder))).sort((a, b) => Number(a.endsWith(".idx")) - Number(b.endsWith(".idx")));
		for (const file of files) await rename(join(from, folder, file), join(objects, folder, file));
	}
	await rm(from, { recursive: true, force: true });
}
