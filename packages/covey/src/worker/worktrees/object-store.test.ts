import { existsSync } from "node:fs";
import { mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { openObjectStore } from "./object-store.ts";

const nothing = async function* () {};

test("a store that could not be replaced heals as soon as it can be", async () => {
	const home = await mkdtemp(join(tmpdir(), "covey-store-"));
	try {
		const parent = join(home, "parent");
		const store = await openObjectStore(join(parent, "objects.git"), 40, 1000);
		await rename(parent, join(home, "aside"));
		await writeFile(parent, "in the way");
		await expect(store.reset(0)).rejects.toThrow("ENOTDIR");
		await rm(parent);
		await rename(join(home, "aside"), parent);
		// The fetch itself is reached again, and it is its own fault that it brings nothing.
		await expect(store.ensure("a".repeat(40), nothing)).rejects.toMatchObject({ code: "bad_snapshot" });
		expect(store.generation).toBe(1);
	} finally {
		await rm(home, { recursive: true, force: true });
	}
});

test("a replacement that was left half-way is finished", async () => {
	const home = await mkdtemp(join(tmpdir(), "covey-store-"));
	try {
		const directory = join(home, "objects.git");
		const store = await openObjectStore(directory, 40, 1000);
		await rename(directory, `${directory}.damaged`);
		await store.reset(0);
		expect([existsSync(store.objects), existsSync(`${directory}.damaged`)]).toEqual([true, false]);
	} finally {
		await rm(home, { recursive: true, force: true });
	}
});
