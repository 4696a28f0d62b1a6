import { mkdir, mkdtemp, open, readdir, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { describeBlobs } from "#blobs/blobs.suite.ts";
import { openDiskBlobs } from "./blobs.ts";

describeBlobs("disk", async () => {
	const directory = await mkdtemp(join(tmpdir(), "covey-blobs-"));
	let now = Date.now();
	const reopen = () => openDiskBlobs({ directory, now: () => now });
	return {
		blobs: await reopen(),
		reopen,
		advance: (ms) => (now += ms),
		async bytesUsed() {
			const files = (await readdir(directory, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile());
			const sizes = await Promise.all(files.map(async (entry) => (await stat(join(entry.parentPath, entry.name))).size));
			return sizes.reduce((sum, size) => sum + size, 0);
		},
		async damage(digest) {
			await using file = await open(join(directory, digest.slice(0, 2), digest.slice(2)), "r+");
			await file.write(Buffer.from("!"), 0, 1, 300_000);
		},
		cleanUp: () => rm(directory, { recursive: true, force: true }),
	};
});

it("forgets drafts that a killed process left behind", async () => {
	const directory = await mkdtemp(join(tmpdir(), "covey-blobs-"));
	try {
		await mkdir(join(directory, "draft"));
		await writeFile(join(directory, "draft", "half"), "half");
		await using _blobs = await openDiskBlobs({ directory });
		expect(await readdir(join(directory, "draft"))).toEqual([]);
	} finally {
		await rm(directory, { recursive: true, force: true });
	}
});
