import { chmodSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { createScratchRepository, referenceTree, type ScratchRepository } from "./scratch-repository.ts";
import { decodePack } from "./small-pack.ts";
import { createSnapshot } from "./snapshot.ts";

/** A snapshot of which the coordinator is told, so that the next one may be packed against it. */
async function deliver(scratch: ScratchRepository) {
	const snapshot = await createSnapshot({ directory: scratch.root, cacheDirectory: scratch.cacheDirectory });
	expect(snapshot.tree).toBe(referenceTree(scratch));
	await snapshot.delivered();
	return snapshot;
}

async function warm(files: Readonly<Record<string, string>>) {
	const scratch = createScratchRepository(files);
	// The first tells where the repository is, the second is of our own copy of its index.
	await deliver(scratch);
	const { commit } = await deliver(scratch);
	return Object.assign(scratch, { commit: scratch.commit, base: commit });
}

const kindsOf = (pack: Buffer) => decodePack(pack, 40)?.map(({ type }) => type);

test("an edit travels as its blob, the trees above it and the commit, packed without git", async () => {
	using scratch = await warm({ "a.txt": "a\n", "d/e/b.txt": "b\n", "f/c.txt": "c\n" });
	scratch.write({ "d/e/b.txt": "edited\n" });
	const { smallPack } = await deliver(scratch);
	expect(smallPack?.bases).toEqual([scratch.base]);
	expect(kindsOf(smallPack?.content as Buffer)).toEqual(["blob", "tree", "tree", "tree", "commit"]);
});

test("new, deleted, replaced, executable and linked files are where git puts them", async () => {
	using scratch = await warm({ "a.txt": "a\n", "d/b.txt": "b\n", "d/c.txt": "c\n", "d.txt": "d\n", "x/only": "1\n", link: "was a file\n" });
	scratch.write({ "d/new/deep.txt": "new\n", "d-e": "sorts between d and d/\n" });
	rmSync(join(scratch.root, "x"), { recursive: true });
	scratch.write({ x: "was a directory\n" });
	rmSync(join(scratch.root, "d.txt"));
	scratch.write({ "d.txt/inside": "was a file\n" });
	chmodSync(join(scratch.root, "d/b.txt"), 0o755);
	rmSync(join(scratch.root, "link"));
	symlinkSync("d/c.txt", join(scratch.root, "link"));
	expect((await deliver(scratch)).smallPack).toBeDefined();
});

test("what was staged since is in it, and a copy of the index that is out of date is not asked", async () => {
	using scratch = await warm({ "a.txt": "a\n", "d/b.txt": "b\n" });
	scratch.write({ "d/b.txt": "staged\n" });
	scratch.git("add", "d/b.txt");
	rmSync(join(scratch.root, "d/b.txt"));
	await deliver(scratch);
	scratch.write({ "a.txt": "edited\n" });
	scratch.commit();
	await deliver(scratch);
	scratch.write({ "a.txt": "again\n" });
	expect((await deliver(scratch)).smallPack).toBeDefined();
});

const notOurs: readonly (readonly [string, (scratch: ScratchRepository) => void])[] = [
	["line ends that the configuration converts", (scratch) => scratch.git("config", "core.autocrlf", "input")],
	["line ends that attributes convert", (scratch) => scratch.write({ ".gitattributes": "* text\n" })],
	["attributes that git ignores as a file", (scratch) => scratch.write({ ".gitattributes": "* text\n", ".gitignore": ".gitattributes\n" })],
	["attributes of the repository itself", (scratch) => writeFileSync(join(scratch.root, ".git/info/attributes"), "* text\n")],
	[
		"a filter",
		(scratch) => {
			scratch.git("config", "filter.shout.clean", "tr a-z A-Z");
			scratch.write({ "d/.gitattributes": "*.txt filter=shout\n" });
		},
	],
	["executable bits that do not count", (scratch) => scratch.git("config", "core.fileMode", "false")],
];

test.each(notOurs)("%s: git takes the file in", async (_, disturb) => {
	using scratch = await warm({ "a.txt": "a\n", "d/b.txt": "b\n" });
	disturb(scratch);
	writeFileSync(join(scratch.root, "d/b.txt"), "one\r\ntwo\r\n");
	writeFileSync(join(scratch.root, "d/tool"), "#!/bin/sh\n", { mode: 0o755 });
	expect((await deliver(scratch)).smallPack).toBeUndefined();
});

test("attributes that are gone from the worktree and not from the index still hold", async () => {
	using scratch = await warm({ ".gitattributes": "* text\n", "b.txt": "b\n" });
	rmSync(join(scratch.root, ".gitattributes"));
	writeFileSync(join(scratch.root, "b.txt"), "one\r\ntwo\r\n");
	await deliver(scratch);
});

test("a repository that appears below, and a configuration that moves the worktree, are seen", async () => {
	using scratch = await warm({ "a.txt": "a\n", "d/b.txt": "b\n" });
	const below = join(scratch.root, "d");
	const take = () => createSnapshot({ directory: below, cacheDirectory: scratch.cacheDirectory });
	expect((await take()).prefix).toBe("d");
	expect((await take()).prefix).toBe("d");
	scratch.git("init", "-q", "d");
	expect(await take()).toMatchObject({ prefix: "", worktreeRoot: below });
	rmSync(join(below, ".git"), { recursive: true });
	scratch.git("config", "core.worktree", below);
	expect(await take()).toMatchObject({ prefix: "", worktreeRoot: below });
});
