import { execFileSync } from "node:child_process";
import {
	chmodSync,
	existsSync,
	mkdirSync,
	readdirSync,
	readFileSync,
	renameSync,
	rmSync,
	statSync,
	symlinkSync,
	utimesSync,
	writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { CoveyError } from "@covey/protocol/errors";
import { describe, expect, test } from "vitest";
import { packSnapshot } from "#host/git/pack.ts";
import { createScratchRepository, type ScratchRepository } from "#host/git/scratch-repository.ts";
import { createSnapshot, type Snapshot } from "#host/git/snapshot.ts";
import { createWorktreePool, type WorktreePool } from "./pool.ts";

/** A repository, a pool, and packs straight from the one to the other. */
function createBench(files?: Readonly<Record<string, string>>) {
	const scratch = createScratchRepository(files);
	const fetches: { commit: string; have: readonly string[] }[] = [];
	const directory = join(scratch.home, "pool");
	const pool = createWorktreePool({ directory, freeBytesMin: 0 });
	const snapshot = () => createSnapshot({ directory: scratch.root, cacheDirectory: scratch.cacheDirectory });
	const acquire = (of: Snapshot, options: { clean?: boolean; from?: WorktreePool; signal?: AbortSignal } = {}) =>
		(options.from ?? pool).acquire({
			namespace: "default",
			repository: of.repository,
			commit: of.commit,
			tree: of.tree,
			clean: options.clean ?? false,
			fetchPack: async (have) => {
				fetches.push({ commit: of.commit, have });
				return (await packSnapshot({ snapshot: of, bases: have })).content;
			},
			...(options.signal && { signal: options.signal }),
		});
	return { scratch, directory, pool, fetches, snapshot, acquire, [Symbol.dispose]: () => scratch[Symbol.dispose]() };
}

/** What the files really are, by a fresh index. */
function treeOf(scratch: ScratchRepository, root: string): string {
	const env = {
		...process.env,
		GIT_DIR: join(scratch.root, ".git"),
		GIT_WORK_TREE: root,
		GIT_INDEX_FILE: join(scratch.home, `index-${Math.random()}`),
	};
	execFileSync("git", ["add", "-A"], { cwd: root, env });
	return execFileSync("git", ["write-tree"], { cwd: root, env, encoding: "utf8" }).trim();
}

describe("a worktree", () => {
	test("holds the wanted tree for each of fifty commits asked for at once", async () => {
		using bench = createBench({ "a.txt": "0\n", "dir/b.txt": "b\n" });
		const snapshots: Snapshot[] = [];
		for (let i = 1; i <= 50; i++) {
			bench.scratch.write({ "a.txt": `${i}\n`, [`new-${i}`]: `${i}\n` });
			snapshots.push(await bench.snapshot());
		}
		for (const round of [1, 2]) {
			const worktrees = await Promise.all(snapshots.map((of) => bench.acquire(of)));
			expect(new Set(worktrees.map(({ root }) => root)).size).toBe(50);
			const found = worktrees.map(({ root }) => readFileSync(join(root, "a.txt"), "utf8").trim());
			expect({ round, found }).toEqual({ round, found: snapshots.map((_, i) => `${i + 1}`) });
			for (const [i, worktree] of worktrees.entries()) {
				if (i % 10 === 0) expect(treeOf(bench.scratch, worktree.root)).toBe(snapshots[i]?.tree);
				await worktree.release();
			}
		}
	});

	test("is fetched once when many ask for the same commit, and then only what is missing", async () => {
		using bench = createBench();
		const first = await bench.snapshot();
		const worktrees = await Promise.all([1, 2, 3, 4].map(() => bench.acquire(first)));
		expect(bench.fetches).toEqual([{ commit: first.commit, have: [] }]);
		await Promise.all(worktrees.map((worktree) => worktree.release()));
		bench.scratch.write({ "a.txt": "changed\n" });
		const second = await bench.snapshot();
		await using _ = await bench.acquire(second);
		expect(bench.fetches.at(-1)).toEqual({ commit: second.commit, have: [first.commit] });
	});

	const tricks: readonly [string, (root: string, home: string) => void][] = [
		[
			"changed a file and set its time back",
			(root) => {
				const { atime, mtime } = statSync(join(root, "a.txt"));
				writeFileSync(join(root, "a.txt"), "b\n");
				utimesSync(join(root, "a.txt"), atime, mtime);
			},
		],
		["deleted a directory", (root) => rmSync(join(root, "src"), { recursive: true })],
		["made a file executable", (root) => chmodSync(join(root, "a.txt"), 0o755)],
		[
			"left files behind",
			(root) => {
				mkdirSync(join(root, "left/over"), { recursive: true });
				writeFileSync(join(root, "left/over/file"), "x");
			},
		],
		[
			"moved a directory away and put a link in its place",
			(root, home) => {
				renameSync(join(root, "src"), join(home, "stolen"));
				symlinkSync(join(home, "stolen"), join(root, "src"));
			},
		],
		[
			"put a directory in place of a file",
			(root) => {
				rmSync(join(root, "a.txt"));
				mkdirSync(join(root, "a.txt"));
				writeFileSync(join(root, "a.txt/x"), "x");
			},
		],
		[
			"doctored the repository it was given",
			(root) => {
				execFileSync("git", ["update-index", "--assume-unchanged", "a.txt"], { cwd: root });
				writeFileSync(join(root, "a.txt"), "z\n");
			},
		],
		[
			"made a repository of its own",
			(root) => {
				mkdirSync(join(root, "inner"));
				execFileSync("git", ["init", "-q"], { cwd: join(root, "inner") });
				writeFileSync(join(root, "inner/x"), "x");
			},
		],
	];
	test.each(tricks)("is exact again after a job that %s", async (_, trick) => {
		using bench = createBench();
		const of = await bench.snapshot();
		const first = await bench.acquire(of);
		trick(first.root, bench.scratch.home);
		await first.release();
		await using second = await bench.acquire(of);
		expect(second.root).toBe(first.root);
		expect(treeOf(bench.scratch, second.root)).toBe(of.tree);
		expect(readdirSync(second.root).sort()).toEqual([".git", "a.txt", "src"]);
	});

	test("keeps ignored build outputs, unless it shall be clean", async () => {
		using bench = createBench({ ".gitignore": "target/\n", a: "a\n" });
		const of = await bench.snapshot();
		const first = await bench.acquire(of);
		mkdirSync(join(first.root, "target"));
		writeFileSync(join(first.root, "target/out"), "built");
		await first.release();
		const second = await bench.acquire(of);
		expect(readFileSync(join(second.root, "target/out"), "utf8")).toBe("built");
		await second.release();
		await using third = await bench.acquire(of, { clean: true });
		expect(existsSync(join(third.root, "target"))).toBe(false);
	});

	test("is a repository for the job, clean and at the snapshot, and runs nothing that a job planted", async () => {
		using bench = createBench();
		const of = await bench.snapshot();
		const first = await bench.acquire(of);
		const git = (root: string, ...args: string[]) => execFileSync("git", args, { cwd: root, encoding: "utf8" }).trim();
		expect(git(first.root, "rev-parse", "HEAD")).toBe(of.commit);
		expect(git(first.root, "status", "--porcelain")).toBe("");
		const ran = join(bench.scratch.home, "ran");
		const evil = join(first.root, ".git/evil");
		writeFileSync(evil, `#!/bin/sh\ntouch ${ran}\n`, { mode: 0o755 });
		git(first.root, "config", "core.fsmonitor", evil);
		git(first.root, "config", "filter.evil.smudge", evil);
		mkdirSync(join(first.root, ".git/hooks"));
		renameSync(evil, join(first.root, ".git/hooks/post-checkout"));
		await first.release();
		bench.scratch.write({ ".gitattributes": "* filter=evil\n", "a.txt": "changed\n" });
		await using second = await bench.acquire(await bench.snapshot());
		expect(second.root).toBe(first.root);
		expect(existsSync(ran)).toBe(false);
		expect(git(second.root, "config", "--local", "--list")).not.toContain("evil");
	});
});

describe("the pool", () => {
	test("finds its worktrees again after a restart and throws half-made ones away", async () => {
		using bench = createBench();
		const of = await bench.snapshot();
		const first = await bench.acquire(of);
		await first.release();
		const trees = join(first.root, "../..");
		mkdirSync(join(trees, "half.new/files"), { recursive: true });
		writeFileSync(join(first.root, "../books/index.lock"), "");
		const again = createWorktreePool({ directory: bench.directory, freeBytesMin: 0 });
		await again.start(new AbortController().signal);
		expect(again.warm()).toEqual([of.repository]);
		expect(readdirSync(trees)).toHaveLength(1);
		await using second = await bench.acquire(of, { from: again });
		expect(second.root).toBe(first.root);
		expect(bench.fetches).toHaveLength(1);
	});

	test("heals a damaged object store by fetching again", async () => {
		using bench = createBench();
		const of = await bench.snapshot();
		const first = await bench.acquire(of);
		await first.release();
		const objects = join(first.root, "../../../objects.git/objects");
		for (const name of readdirSync(objects, { recursive: true }) as string[]) {
			if (/^..\/.{38}$/.test(name)) rmSync(join(objects, name));
		}
		rmSync(join(first.root, "a.txt"));
		await using second = await bench.acquire(of);
		expect(treeOf(bench.scratch, second.root)).toBe(of.tree);
		expect(bench.fetches.at(-1)?.have).toEqual([]);
	});

	test("makes a new worktree when an earlier job left one that cannot be used", async () => {
		using bench = createBench();
		const of = await bench.snapshot();
		const first = await bench.acquire(of);
		rmSync(join(first.root, "../books/refs"), { recursive: true });
		writeFileSync(join(first.root, "../books/refs"), "not a directory");
		await first.release();
		await using second = await bench.acquire(of);
		expect(second.root).not.toBe(first.root);
		expect(existsSync(first.root)).toBe(false);
		expect(treeOf(bench.scratch, second.root)).toBe(of.tree);
	});

	test("keeps no more idle worktrees than it may", async () => {
		using bench = createBench();
		const of = await bench.snapshot();
		const small = createWorktreePool({ directory: bench.directory, idleMax: 2, freeBytesMin: 0 });
		const worktrees = await Promise.all([1, 2, 3, 4].map(() => bench.acquire(of, { from: small })));
		for (const worktree of worktrees) await worktree.release();
		expect(readdirSync(join(worktrees[0]?.root ?? "", "../.."), {})).toHaveLength(2);
	});

	test("refuses names that are none, a commit of another tree, and a pack that is none", async () => {
		using bench = createBench();
		const of = await bench.snapshot();
		await expect(bench.acquire({ ...of, repository: "../../etc" })).rejects.toMatchObject({ code: "bad_request" });
		await expect(bench.acquire({ ...of, commit: of.tree })).rejects.toMatchObject({ code: "bad_snapshot" });
		const garbage = bench.pool.acquire({
			namespace: "default",
			...of,
			clean: false,
			fetchPack: async function* () {
				yield Buffer.from("garbage, not a pack at all");
			},
		});
		await expect(garbage).rejects.toBeInstanceOf(CoveyError);
		await using worktree = await bench.acquire(of);
		expect(worktree.tree).toBe(of.tree);
	});

	test("is given back without a complaint when it cannot be tidied, since its job has its result", async () => {
		using bench = createBench();
		const from = createWorktreePool({ directory: join(bench.scratch.home, "other"), freeBytesMin: 0, idleMax: 0 });
		const worktree = await bench.acquire(await bench.snapshot(), { from });
		rmSync(join(worktree.root, ".."), { recursive: true });
		await expect(worktree.release()).resolves.toBeUndefined();
	});

	test("gives up when it is told to, and others who wait for the same commit still get it", async () => {
		using bench = createBench();
		const of = await bench.snapshot();
		const abort = new AbortController();
		let waiting: ReturnType<typeof bench.acquire> | undefined;
		const given = bench.pool.acquire({
			namespace: "default",
			...of,
			clean: false,
			signal: abort.signal,
			fetchPack: async (_, signal) => {
				waiting = bench.acquire(of);
				abort.abort(new Error("enough"));
				signal?.throwIfAborted();
				return [] as never;
			},
		});
		await expect(given).rejects.toThrow("enough");
		await using worktree = await waiting;
		expect(worktree?.tree).toBe(of.tree);
	});
});
