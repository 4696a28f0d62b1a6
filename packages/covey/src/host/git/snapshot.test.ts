import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, readdirSync, renameSync, rmSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { CoveyError } from "@covey/protocol/errors";
import { describe, expect, test } from "vitest";
import { normaliseRemote } from "./identity.ts";
import { snapshotCommit } from "./object.ts";
import { createScratchRepository, fingerprint, referenceTree, type ScratchRepository } from "./scratch-repository.ts";
import { createSnapshot, type SnapshotOptions } from "./snapshot.ts";

const take = (scratch: ScratchRepository, more: Partial<SnapshotOptions> = {}) =>
	createSnapshot({ directory: scratch.root, cacheDirectory: scratch.cacheDirectory, ...more });

/** A small generator of chance (mulberry32), so that a failing seed replays. */
function createChance(seed: number): (below: number) => number {
	let state = seed;
	return (below) => {
		state = (state + 0x6d2b79f5) | 0;
		let t = Math.imul(state ^ (state >>> 15), 1 | state);
		t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
		return ((t ^ (t >>> 14)) >>> 0) % below;
	};
}

const names = ["a", "b", "dir/a", "dir/b", "dir/deep/c", "deep", "x y", "näme", "line\nbreak", "ignored.log", "-dash", '"quote"'];

/** One thing that a person or a program may do to a worktree. */
function disturb(scratch: ScratchRepository, chance: (below: number) => number): void {
	const name = names[chance(names.length)] ?? "a";
	const path = join(scratch.root, name);
	const attempt = (work: () => void) => {
		try {
			work();
		} catch {
			// A file where a directory is wanted, or the other way round: another step will do.
		}
	};
	const steps = [
		() => scratch.write({ [name]: `content ${chance(5)}\n` }),
		() => rmSync(path, { recursive: true }),
		() => chmodSync(path, chance(2) ? 0o755 : 0o644),
		() => symlinkSync("a", path),
		() => scratch.git("add", "--", name),
		() => scratch.git("rm", "-q", "--cached", "--", name),
		() => scratch.git("add", "-N", "--", name),
		() => scratch.git("add", "-f", "--", name),
		() => renameSync(path, join(scratch.root, `moved${chance(3)}`)),
		() => {
			rmSync(path, { recursive: true, force: true });
			scratch.write({ [`${name}/inside`]: "now a directory\n" });
		},
		() => {
			rmSync(join(scratch.root, "dir"), { recursive: true, force: true });
			symlinkSync("deep", join(scratch.root, "dir"));
		},
		() => scratch.commit(),
	];
	attempt(steps[chance(steps.length)] ?? (() => {}));
}

describe("a snapshot", () => {
	test("is what git add -A would record, for two hundred random dirty worktrees", { timeout: 240_000 }, async () => {
		let scratch = createScratchRepository({ ".gitignore": "*.log\n", a: "a\n", "dir/a": "a\n", "dir/deep/c": "c\n" });
		try {
			for (let seed = 1; seed <= 200; seed++) {
				const chance = createChance(seed);
				for (let steps = 1 + chance(5); steps > 0; steps--) disturb(scratch, chance);
				const { tree } = await take(scratch);
				expect({ seed, tree }).toEqual({ seed, tree: referenceTree(scratch) });
				if (seed % 20 > 0) continue;
				scratch[Symbol.dispose]();
				scratch = createScratchRepository({ ".gitignore": "*.log\n", a: "a\n", "dir/a": "a\n", "dir/deep/c": "c\n" });
			}
		} finally {
			scratch[Symbol.dispose]();
		}
	});

	test("has the edit that was made in the very second of the last git add, also when that second is over", async () => {
		using scratch = createScratchRepository();
		const second = () => Math.floor(Date.now() / 1000);
		for (let began = -1; began !== second(); ) {
			began = second();
			scratch.write({ "a.txt": "1\n" });
			scratch.git("add", "a.txt");
			scratch.write({ "a.txt": "2\n" });
		}
		await delay(1001 - (Date.now() % 1000));
		scratch.write({ "src/b.txt": "b2\n" });
		const { tree } = await take(scratch);
		scratch.git("add", "-A");
		expect(tree).toBe(scratch.git("write-tree").trim());
	});

	test("has no file that lies behind a link to itself", async () => {
		using scratch = createScratchRepository({ "dir/staged": "1\n", "dir/kept": "1\n" });
		scratch.write({ "dir/staged": "2\n" });
		scratch.git("add", "-A");
		rmSync(join(scratch.root, "dir"), { recursive: true });
		symlinkSync("dir", join(scratch.root, "dir"));
		expect((await take(scratch)).tree).toBe(referenceTree(scratch));
	});

	test("leaves the index, refs, objects and files of the user untouched", async () => {
		using scratch = createScratchRepository();
		scratch.write({ "a.txt": "changed\n", new: "new\n" });
		scratch.git("add", "new");
		rmSync(join(scratch.root, "src"), { recursive: true });
		const before = fingerprint(scratch.root);
		await take(scratch);
		expect(fingerprint(scratch.root)).toBe(before);
	});

	test("has a commit that is a function of its tree, and counts what changed", async () => {
		using scratch = createScratchRepository();
		const clean = await take(scratch);
		expect(clean.tree).toBe(scratch.git("rev-parse", "HEAD^{tree}").trim());
		expect(clean.changes).toEqual({ modified: 0, added: 0, deleted: 0, untracked: 0, unmerged: 0 });
		scratch.write({ "a.txt": "changed\n", new: "new\n" });
		rmSync(join(scratch.root, "src/b.txt"));
		const dirty = await take(scratch);
		expect(dirty.changes).toEqual({ modified: 1, added: 0, deleted: 1, untracked: 1, unmerged: 0 });
		expect(dirty.commit).toBe(snapshotCommit(dirty.tree).commit);
		expect(dirty.repository).toBe(clean.repository);
	});

	test("is the whole worktree also from a sub-directory, and says where the person stands", async () => {
		using scratch = createScratchRepository();
		scratch.write({ "src/deep/c": "c\n" });
		const snapshot = await take(scratch, { directory: join(scratch.root, "src/deep") });
		expect(snapshot.prefix).toBe("src/deep");
		expect(snapshot.tree).toBe(referenceTree(scratch));
	});

	test("works without any commit, on a detached HEAD, and with sha256 objects", async () => {
		using unborn = createScratchRepository({});
		expect((await take(unborn)).tree).toBe("4b825dc642cb6eb9a060e54bf8d69288fbee4904");
		unborn.write({ a: "a\n" });
		const snapshot = await take(unborn);
		expect(snapshot.tree).toBe(referenceTree(unborn));
		expect(snapshot.notes.join()).toContain("no commit yet");
		unborn.commit();
		unborn.git("checkout", "-q", "--detach");
		expect((await take(unborn)).tree).toBe(snapshot.tree);
		using sha256 = createScratchRepository({});
		rmSync(join(sha256.root, ".git"), { recursive: true });
		sha256.git("init", "-q", "--object-format=sha256");
		sha256.write({ a: "a\n" });
		sha256.commit();
		sha256.write({ a: "b\n" });
		expect((await take(sha256)).tree).toBe(referenceTree(sha256));
	});

	test("takes a merge in progress as the files stand, and says so", async () => {
		using scratch = createScratchRepository();
		scratch.git("checkout", "-q", "-b", "other");
		scratch.write({ "a.txt": "theirs\n" });
		scratch.commit();
		scratch.git("checkout", "-q", "main");
		scratch.write({ "a.txt": "ours\n" });
		scratch.commit();
		expect(() => scratch.git("merge", "other")).toThrow();
		const snapshot = await take(scratch);
		expect(snapshot.tree).toBe(referenceTree(scratch));
		expect(snapshot.notes.join()).toContain("1 unmerged");
	});

	test("keeps what a sparse checkout left out, and tracked files that are ignored", async () => {
		using scratch = createScratchRepository({ "in/a": "a\n", "out/b": "b\n", "tracked.log": "log\n", ".gitignore": "*.log\n" });
		scratch.git("add", "-f", "tracked.log");
		scratch.git("commit", "-q", "-m", "tracked but ignored");
		const full = (await take(scratch)).tree;
		scratch.git("sparse-checkout", "set", "--cone", "in");
		expect(readdirSync(scratch.root)).not.toContain("out");
		expect((await take(scratch)).tree).toBe(full);
		scratch.write({ "tracked.log": "changed\n", "in/a": "changed\n" });
		const { tree } = await take(scratch);
		expect(tree).toBe(referenceTree(scratch));
		expect(tree).not.toBe(full);
		scratch.git("sparse-checkout", "init", "--cone", "--sparse-index");
		expect((await take(scratch)).tree).toBe(tree);
	});

	test("keeps names with line breaks and bytes that are no UTF-8", async () => {
		using scratch = createScratchRepository();
		writeFileSync(Buffer.concat([Buffer.from(`${scratch.root}/caf`), Buffer.from([0xe9, 0x0a])]), "x");
		expect((await take(scratch)).tree).toBe(referenceTree(scratch));
	});

	test("honours the user's ignore file and clean filters, and runs neither hook nor fsmonitor", async () => {
		using scratch = createScratchRepository({ "a.up": "a\n", ".gitattributes": "*.up filter=upper\n" });
		const proof = join(scratch.home, "ran");
		writeFileSync(join(scratch.home, "evil"), `#!/bin/sh\ntouch ${proof}\n`, { mode: 0o755 });
		mkdirSync(join(scratch.root, ".git/hooks"), { recursive: true });
		writeFileSync(join(scratch.root, ".git/hooks/post-index-change"), `#!/bin/sh\ntouch ${proof}\n`, { mode: 0o755 });
		writeFileSync(join(scratch.home, "ignore"), "*.mine\n");
		scratch.git("config", "core.excludesFile", join(scratch.home, "ignore"));
		scratch.git("config", "filter.upper.clean", "tr a-z A-Z");
		scratch.write({ "a.up": "b\n", "x.mine": "x\n" });
		const expected = referenceTree(scratch);
		rmSync(proof, { force: true });
		scratch.git("config", "core.fsmonitor", join(scratch.home, "evil"));
		expect((await take(scratch)).tree).toBe(expected);
		expect(readdirSync(scratch.home)).not.toContain("ran");
	});

	test("takes ignored files along when they are included, and only from inside", async () => {
		using scratch = createScratchRepository({ ".gitignore": ".env\nout/\n", a: "a\n" });
		scratch.write({ ".env": "SECRET=1\n", "out/x/y": "y\n" });
		const plain = await take(scratch);
		const snapshot = await take(scratch, { include: [".env", "out"] });
		expect(snapshot.changes.untracked).toBe(2);
		expect(snapshot.tree).not.toBe(plain.tree);
		await snapshot.store();
		const listed = execFileSync("git", ["ls-tree", "-r", "--name-only", snapshot.tree], {
			cwd: scratch.root,
			env: { ...process.env, GIT_ALTERNATE_OBJECT_DIRECTORIES: snapshot.objectDirectories[0] },
			encoding: "utf8",
		});
		expect(listed.trim().split("\n")).toEqual([".env", ".gitignore", "a", "out/x/y"]);
		for (const path of ["../work2", "/etc/passwd", ".git/config", "a/../../x"]) {
			await expect(take(scratch, { include: [path] })).rejects.toMatchObject({
				code: "bad_request",
				message: expect.stringContaining(path),
			});
		}
		await expect(take(scratch, { include: ["none"] })).rejects.toMatchObject({ message: expect.stringContaining("does not exist") });
	});

	test("may be taken many times at once by one process, from the first time on", async () => {
		using scratch = createScratchRepository();
		for (let round = 0; round < 5; round++) {
			scratch.write({ "a.txt": `committed ${round}\n` });
			scratch.commit();
			scratch.write({ "a.txt": `edited ${round}\n` });
			const taken = await Promise.all(Array.from({ length: 12 }, () => take(scratch)));
			await Promise.all(taken.map((snapshot) => snapshot.delivered()));
			expect(new Set(taken.map(({ tree }) => tree))).toEqual(new Set([referenceTree(scratch)]));
		}
	});

	// A rejection that nobody hears of would end the process, and this test run with it.
	test("that is given up ends with the reason, whenever that was", async () => {
		using scratch = createScratchRepository();
		await take(scratch);
		const reason = new Error("nobody waits for it");
		for (const delayMs of [undefined, 0, 1, 2, 4, 8]) {
			scratch.write({ "a.txt": `committed ${delayMs}\n` });
			scratch.commit();
			scratch.write({ "a.txt": `edited ${delayMs}\n` });
			const abort = new AbortController();
			const taking = take(scratch, { signal: abort.signal });
			if (delayMs !== undefined) await delay(delayMs);
			abort.abort(reason);
			await taking.catch((error) => expect(error).toBe(reason));
		}
	});
});

describe("a snapshot is refused, with the name and the way out,", () => {
	test.each<[string, RegExp, (scratch: ScratchRepository) => Partial<SnapshotOptions>]>([
		["outside of a repository", /not in a git repository/, (scratch) => ({ directory: scratch.home })],
		["inside .git", /inside a \.git/, (scratch) => ({ directory: join(scratch.root, ".git") })],
		[
			"in a bare repository",
			/bare repository/,
			(scratch) => {
				scratch.git("clone", "-q", "--bare", ".", "../bare");
				return { directory: join(scratch.home, "bare") };
			},
		],
		[
			"with a link out of the tree",
			/"away".*symbolic link/,
			(scratch) => {
				symlinkSync("/etc", join(scratch.root, "away"));
				return {};
			},
		],
		[
			"with a committed link out of the tree",
			/"src\/up".*symbolic link/,
			(scratch) => {
				symlinkSync("../../x", join(scratch.root, "src/up"));
				scratch.commit();
				return {};
			},
		],
		[
			"with a repository inside",
			/"inner".*submodule/,
			(scratch) => {
				scratch.git("clone", "-q", ".", "inner");
				return {};
			},
		],
		[
			"with a submodule",
			/"sub".*submodule/,
			(scratch) => {
				scratch.git("submodule", "add", "-q", "./", "sub");
				scratch.commit();
				return {};
			},
		],
		[
			"with LFS files",
			/"big.bin".*LFS/,
			(scratch) => {
				scratch.write({ ".gitattributes": "*.bin filter=lfs -text\n", "big.bin": "pointer\n" });
				return {};
			},
		],
	])("%s", async (_, message, arrange) => {
		using scratch = createScratchRepository();
		const options = arrange(scratch);
		const error = await take(scratch, options).catch((thrown) => thrown);
		expect(error).toBeInstanceOf(CoveyError);
		expect(error.message).toMatch(message);
		expect(error.hint).toBeTruthy();
		const allowed = take(scratch, { ...options, allow: ["submodule", "lfs", "symlink"] });
		if (error.code === "bad_snapshot") await expect(allowed).resolves.toMatchObject({ tree: referenceTree(scratch) });
		else await expect(allowed).rejects.toMatchObject({ code: error.code });
	});

	test("with a file over the limit, before it is read", async () => {
		using scratch = createScratchRepository();
		scratch.write({ huge: "" });
		truncateSync(join(scratch.root, "huge"), 1024 * 1024 * 1024);
		await expect(take(scratch)).rejects.toMatchObject({
			code: "bad_snapshot",
			message: '"huge" has 1024 MiB; a snapshot takes files up to 256 MiB',
		});
	});
});

test.each([
	["git@Host.test:team/app.git", "host.test/team/app"],
	["https://user:secret@host.test/team/app", "host.test/team/app"],
	["ssh://git@host.test:2222/team/app.git/", "host.test/team/app"],
	["/srv/git/app.git", undefined],
	["file:///srv/git/app.git", undefined],
	["../app", undefined],
])("the origin %s is called %s", (url, expected) => {
	expect(normaliseRemote(url)).toBe(expected);
});
