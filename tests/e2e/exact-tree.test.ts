import { chmodSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { Fleet } from "../kit/fleet.ts";
import { Repository } from "../kit/repository.ts";
import { verifies } from "./verifies.ts";

test("a remote worker runs the worktree as it is, and the worktree stays as it was", async () => {
	verifies("tree:exact", "tree:untouched");
	await using fleet = await Fleet.start({ workers: 1 });
	using repository = new Repository({
		"modified.txt": "old\n",
		"deleted.txt": "gone\n",
		"tool.sh": "#!/bin/sh\necho tool\n",
		"becomes-a-link": "file\n",
		"directory/kept.txt": "kept\n",
		".gitignore": "ignored/\n",
	});
	const { directory } = repository;
	repository.write({
		"modified.txt": "new\n",
		"un tracked/täxt.txt": "untracked\n",
		"ignored/secret": "stays\n",
		"staged.txt": "staged\n",
	});
	repository.git("add", "staged.txt");
	rmSync(join(directory, "deleted.txt"));
	chmodSync(join(directory, "tool.sh"), 0o755);
	rmSync(join(directory, "becomes-a-link"));
	symlinkSync("directory/kept.txt", join(directory, "becomes-a-link"));
	const before = stateOf(repository);

	const script = "find . -name .git -prune -o ! -type d -print | LC_ALL=C sort; cat modified.txt; readlink becomes-a-link; ./tool.sh";
	const { code, stdout, stderr } = await fleet.run(["--json", "--", "sh", "-c", script], { cwd: directory });

	expect(code, stderr).toBe(0);
	expect(stateOf(repository)).toEqual(before);
	expect(stdout.toString().split("\n")).toEqual([
		...["./.gitignore", "./becomes-a-link", "./directory/kept.txt", "./modified.txt", "./staged.txt", "./tool.sh"],
		...["./un tracked/täxt.txt", "new", "directory/kept.txt", "tool", ""],
	]);
	expect(JSON.parse(stderr.trimEnd().split("\n").at(-1)!)).toMatchObject({
		machine: "worker-1",
		outcome: "passed",
		tree: repository.tree(),
	});
});

test("ignored files stay at home unless they are asked for", async () => {
	verifies("tree:include");
	await using fleet = await Fleet.start({ workers: 1 });
	using repository = new Repository({ ".gitignore": ".env\nother\n" });
	repository.write({ ".env": "SECRET=1\n", other: "stays\n" });
	const look = ["--", "sh", "-c", "ls -A | grep -vx .git"];
	const plain = await fleet.run(look, { cwd: repository.directory });
	expect(plain.stdout.toString()).toBe(".gitignore\n");
	const included = await fleet.run(["--include", ".env", ...look], { cwd: repository.directory });
	expect(included.stdout.toString()).toBe(".env\n.gitignore\n");
	const again = await fleet.run(look, { cwd: repository.directory });
	expect(again.stdout.toString(), "what one run included is gone from the next").toBe(".gitignore\n");
});

test("build outputs stay warm until --clean, and files of another tree never stay", async () => {
	verifies("tree:clean");
	await using fleet = await Fleet.start({ workers: 1 });
	using repository = new Repository({ ".gitignore": "out/\n", "a.txt": "a" });
	const cwd = repository.directory;
	await fleet.run(["--", "sh", "-c", "mkdir out && echo built > out/x && echo litter > litter"], { cwd });
	repository.write({ "a.txt": "changed" });
	const warm = await fleet.run(["--", "sh", "-c", "cat out/x a.txt; test ! -e litter"], { cwd });
	expect(warm).toMatchObject({ code: 0, stdout: Buffer.from("built\nchanged") });
	const clean = await fleet.run(["--clean", "--", "test", "-e", "out"], { cwd });
	expect(clean.code).toBe(1);
});

test("a run starts where the person stands", async () => {
	verifies("tree:directory");
	await using fleet = await Fleet.start({ workers: 1 });
	using repository = new Repository({ "deep/er/file": "x" });
	const { stdout } = await fleet.run(["--", "ls"], { cwd: join(repository.directory, "deep/er") });
	expect(stdout.toString()).toBe("file\n");
});

/** All that a run must not touch: status, refs, objects, the bytes of the index. */
function stateOf(repository: Repository): unknown {
	const { directory } = repository;
	const git = join(directory, ".git");
	return {
		// First: git itself refreshes the index.
		status: repository.git("status", "--porcelain=v2", "--untracked-files=all"),
		refs: repository.git("for-each-ref"),
		index: readFileSync(join(git, "index")).toString("hex"),
		entries: readdirSync(git).sort(),
		objects: repository.git("count-objects", "-v"),
		mode: statSync(join(directory, "tool.sh")).mode,
	};
}
