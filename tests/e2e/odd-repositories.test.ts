import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { Fleet } from "../kit/fleet.ts";
import { Repository } from "../kit/repository.ts";
import { verifies } from "./verifies.ts";

test("a repository without a commit runs and says so", async () => {
	verifies("odd:no-commit");
	await using fleet = await Fleet.start({ workers: 1 });
	using repository = new Repository({ file: "x\n" });
	repository.git("update-ref", "-d", "HEAD");
	repository.git("rm", "-q", "--cached", "file");
	const { code, stdout, stderr } = await fleet.run(["--", "cat", "file"], { cwd: repository.directory });
	expect(code, stderr).toBe(0);
	expect(stdout.toString()).toBe("x\n");
	expect(stderr).toContain("no commit yet");
});

test("an empty repository runs too", async () => {
	verifies("odd:no-commit");
	await using fleet = await Fleet.start({ workers: 1 });
	using repository = new Repository({ file: "x\n" });
	repository.git("rm", "-qf", "file");
	const emptied = await fleet.run(["--", "sh", "-c", "ls -A | grep -vx .git"], { cwd: repository.directory });
	expect(emptied, emptied.stderr).toMatchObject({ code: 1, stdout: Buffer.alloc(0) });
	repository.git("update-ref", "-d", "HEAD");
	const unborn = await fleet.run(["--", "echo", "ran"], { cwd: repository.directory });
	expect(unborn, unborn.stderr).toMatchObject({ code: 0, stdout: Buffer.from("ran\n") });
});

test("a detached HEAD runs like any other", async () => {
	verifies("odd:detached");
	await using fleet = await Fleet.start({ workers: 1 });
	using repository = new Repository({ file: "first\n" });
	repository.write({ file: "second\n" });
	repository.git("commit", "-qam", "second");
	repository.git("checkout", "-q", "--detach", "HEAD~1");
	repository.write({ other: "dirty\n" });
	const { stdout } = await fleet.run(["--", "cat", "file", "other"], { cwd: repository.directory });
	expect(stdout.toString()).toBe("first\ndirty\n");
});

test("a merge in progress travels with its conflict markers, and says so", async () => {
	verifies("odd:merge");
	await using fleet = await Fleet.start({ workers: 1 });
	using repository = new Repository({ file: "base\n" });
	repository.git("checkout", "-qb", "theirs");
	repository.write({ file: "theirs\n" });
	repository.git("commit", "-qam", "theirs");
	repository.git("checkout", "-q", "main");
	repository.write({ file: "ours\n" });
	repository.git("commit", "-qam", "ours");
	expect(() => repository.git("merge", "theirs")).toThrow();
	const { code, stdout, stderr } = await fleet.run(["--", "cat", "file"], { cwd: repository.directory });
	expect(code).toBe(0);
	expect(stdout.toString()).toMatch(/^<<<<<<< HEAD\nours\n=======\ntheirs\n>>>>>>> theirs\n$/);
	expect(stderr).toContain("a merge is in progress: 1 unmerged file");
	expect(repository.git("status", "--porcelain")).toBe("UU file\n");
});

test("what is staged and changed since travels as the files are now", async () => {
	verifies("odd:dirty-index");
	await using fleet = await Fleet.start({ workers: 1 });
	using repository = new Repository({ both: "committed\n", "staged-away": "committed\n" });
	repository.write({ both: "staged\n", added: "staged\n" });
	repository.git("add", "-A");
	repository.write({ both: "since\n" });
	rmSync(join(repository.directory, "added"));
	repository.git("rm", "-q", "--cached", "staged-away");
	const { stdout } = await fleet.run(["--", "sh", "-c", "cat both staged-away; test ! -e added && echo gone"], {
		cwd: repository.directory,
	});
	expect(stdout.toString()).toBe("since\ncommitted\ngone\n");
	expect(repository.git("status", "--porcelain")).toBe("AD added\nMM both\nD  staged-away\n?? staged-away\n");
});

test("file names of any bytes travel unchanged", async () => {
	verifies("odd:names");
	await using fleet = await Fleet.start({ workers: 1 });
	using repository = new Repository();
	const directory = Buffer.from(repository.directory);
	const names = ["new\nline", "tab\t", 'quo"te', "back\\slash", " lead", "trail ", "-rf", ":(glob)*", "\x01\x7f"].map((name) =>
		Buffer.from(name),
	);
	names.push(Buffer.from([0xff, 0xfe, 0x2e, 0x80]), Buffer.from("cafe\u0301"), Buffer.from("x".repeat(255)));
	for (const [i, name] of names.entries()) writeFileSync(Buffer.concat([directory, Buffer.from("/"), name]), `${i}\n`);
	const script =
		"find . -name .git -prune -o -type f ! -name README.md -print0 | while IFS= read -r -d '' f; do printf '%s\\0' \"$f\"; cat -- \"$f\"; done";
	const { code, stdout, stderr } = await fleet.run(["--", "bash", "-c", script], { cwd: repository.directory });
	expect(code, stderr).toBe(0);
	const seen = new Map(
		[...stdout.toString("latin1").matchAll(/\.\/([^\0]+)\0(\d+)\n/g)].map(([, name, content]) => [Number(content), name]),
	);
	expect(seen).toEqual(new Map(names.map((name, i) => [i, name.toString("latin1")])));
});

test("outside a repository a run is refused, and with --no-snapshot it runs", async () => {
	verifies("refuse:no-repository");
	await using fleet = await Fleet.start({ workers: 1 });
	const cwd = mkdtempSync(join(tmpdir(), "covey-plain-"));
	try {
		mkdirSync(join(cwd, "deep"));
		const refused = await fleet.run(["--", "true"], { cwd });
		expect(refused.code).toBe(2);
		expect(refused.stderr).toContain(cwd);
		expect(refused.stderr).toContain("--no-snapshot");
		const plain = await fleet.run(["--no-snapshot", "--", "ls", "-A"], { cwd });
		expect(plain, plain.stderr).toMatchObject({ code: 0, stdout: Buffer.alloc(0) });
	} finally {
		rmSync(cwd, { recursive: true });
	}
});
