import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeEach, expect, test, vi } from "vitest";
import { openWorktree } from "./worktree.ts";

const scratch = mkdtempSync(join(tmpdir(), "covey-worktree-"));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));
beforeEach(() => {
	vi.stubEnv("HOME", mkdtempSync(join(scratch, "home-")));
	for (const name of ["XDG_STATE_HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME"]) vi.stubEnv(name, undefined);
});

async function setUp() {
	const root = mkdtempSync(join(scratch, "tree-"));
	const git = (...words: string[]) =>
		execFileSync("git", ["-c", "user.name=a", "-c", "user.email=a@b", ...words], { cwd: root, encoding: "utf8" });
	git("init", "-q");
	for (const name of ["a.txt", "b.txt"]) writeFileSync(join(root, name), "one\n");
	git("add", "-A");
	git("commit", "-q", "-m", "one");
	const worktree = await openWorktree(root);
	/** What changes one line of a file. */
	const patchOf = (name: string) => {
		writeFileSync(join(root, name), "two\n");
		const patch = Buffer.from(git("diff", "--binary"));
		git("checkout", "-q", "--", name);
		return patch;
	};
	return { root, worktree, patchOf, tree: (await worktree.snapshot(new AbortController().signal)).tree };
}

test("of two patches for one tree that come at once the second finds the worktree changed", async () => {
	const { root, worktree, patchOf, tree } = await setUp();
	const [first, second] = [patchOf("a.txt"), patchOf("b.txt")];
	const applied = await Promise.all([worktree.apply(first, tree), worktree.apply(second, tree)]);
	expect(applied).toEqual([
		{ applied: true, files: ["a.txt"] },
		{ applied: false, reason: expect.stringContaining("the worktree has changed meanwhile") },
	]);
	expect(readFileSync(join(root, "b.txt"), "utf8")).toBe("one\n");
});

test("a manifest that leads to a device or a pipe is none, and nobody waits for its end", async () => {
	const { root, worktree } = await setUp();
	mkdirSync(join(root, "sub"));
	execFileSync("mkfifo", [join(root, "sub/pipe")]);
	symlinkSync("/dev/zero", join(root, "package.json"));
	symlinkSync("sub/pipe", join(root, "Makefile"));
	expect(await worktree.files.read("package.json")).toBeUndefined();
	expect(await worktree.files.read("Makefile")).toBeUndefined();
	expect(await worktree.files.read("a.txt")).toBe("one\n");
});
