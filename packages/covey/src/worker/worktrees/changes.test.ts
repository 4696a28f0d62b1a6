import { execFileSync } from "node:child_process";
import { chmodSync, closeSync, ftruncateSync, mkdirSync, openSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { wireLimits } from "@covey/protocol/limits";
import { expect, test } from "vitest";
import { packSnapshot } from "#host/git/pack.ts";
import { createScratchRepository } from "#host/git/scratch-repository.ts";
import { createSnapshot } from "#host/git/snapshot.ts";
import { createWorktreePool } from "./pool.ts";

const { signal } = new AbortController();

/** A dirty worktree of a person, and a worker's worktree of its snapshot. */
async function createBench() {
	const scratch = createScratchRepository({ "a.txt": "one\n", "gone.txt": "x\n", "run.sh": "#!/bin/sh\n", ".gitignore": "out/\n" });
	writeFileSync(join(scratch.root, "a.txt"), "one, edited\n");
	const of = await createSnapshot({ directory: scratch.root, cacheDirectory: scratch.cacheDirectory });
	const pool = createWorktreePool({ directory: join(scratch.home, "pool"), freeBytesMin: 0 });
	const fetchPack = async (have: readonly string[]) => (await packSnapshot({ snapshot: of, bases: have })).content;
	const worktree = await pool.acquire({ namespace: "default", ...of, clean: false, fetchPack });
	return { scratch, worktree, [Symbol.dispose]: () => scratch[Symbol.dispose]() };
}

test("what a job changed comes back as a patch that makes the person's worktree the same", async () => {
	using bench = await createBench();
	const { root } = bench.worktree;
	writeFileSync(join(root, "a.txt"), "two\n");
	writeFileSync(join(root, "binary.bin"), Buffer.from([0, 255, 1, 254, 10, 13]));
	mkdirSync(join(root, "deep/er"), { recursive: true });
	writeFileSync(join(root, "deep/er/new.txt"), "no newline at its end");
	rmSync(join(root, "gone.txt"));
	chmodSync(join(root, "run.sh"), 0o755);
	symlinkSync("a.txt", join(root, "link"));
	mkdirSync(join(root, "out"));
	writeFileSync(join(root, "out/build"), "ignored");
	const patch = await bench.worktree.changes(signal);
	expect(patch.toString("latin1")).not.toContain("out/build");
	execFileSync("git", ["apply", "--binary", "-"], { cwd: bench.scratch.root, input: patch });
	const treeOf = (directory: string) => {
		const env = {
			...process.env,
			GIT_DIR: join(bench.scratch.root, ".git"),
			GIT_WORK_TREE: directory,
			GIT_INDEX_FILE: join(directory, ".git/new-index"),
		};
		execFileSync("git", ["add", "-A"], { cwd: directory, env });
		return execFileSync("git", ["write-tree"], { cwd: directory, env, encoding: "utf8" });
	};
	expect(treeOf(bench.scratch.root)).toBe(treeOf(root));
	expect(readFileSync(join(bench.scratch.root, "binary.bin"))).toEqual(Buffer.from([0, 255, 1, 254, 10, 13]));
});

test("nothing changed is an empty patch, and looking leaves the worktree's books as they were", async () => {
	using bench = await createBench();
	const index = readFileSync(join(bench.worktree.root, "../books/index"));
	expect(await bench.worktree.changes(signal)).toHaveLength(0);
	writeFileSync(join(bench.worktree.root, "a.txt"), "two\n");
	expect((await bench.worktree.changes(signal)).toString()).toContain("+two");
	expect(readFileSync(join(bench.worktree.root, "../books/index"))).toEqual(index);
});

test("more than a patch can be made of is refused before git reads it; what is ignored does not count", async () => {
	using bench = await createBench();
	const { root } = bench.worktree;
	/** A hole: it takes no room, but git would read and write all of it. */
	const leave = (path: string, bytes: number) => {
		const file = openSync(join(root, path), "w");
		ftruncateSync(file, bytes);
		closeSync(file);
	};
	const bytesMax = 4 * wireLimits.patchBytesMax;
	mkdirSync(join(root, "out"));
	leave("out/build", 2 * bytesMax);
	expect(await bench.worktree.changes(signal)).toHaveLength(0);
	leave("core.1", bytesMax / 2);
	leave("core.2", bytesMax / 2 + 1);
	await expect(bench.worktree.changes(signal)).rejects.toMatchObject({
		code: "too_large",
		message: `the files that were changed or made and are not ignored are larger than ${bytesMax} bytes together`,
	});
});
