import { spawnSync } from "node:child_process";
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { acquireOwnerLock, readOwner } from "./owner-lock.ts";

let directory: string;
beforeEach(async () => {
	directory = await mkdtemp(join(tmpdir(), "covey-lock-"));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

it("has one owner at a time, and the next after a release", () => {
	const path = join(directory, "deep", "state");
	const first = acquireOwnerLock(path, "the state directory");
	expect(first.owner).toMatchObject({ pid: process.pid, host: hostname() });
	expect(() => acquireOwnerLock(path, "the state directory")).toThrow(
		`the state directory is in use by process ${process.pid} on ${hostname()}`,
	);
	first.release();
	first.release();
	using second = acquireOwnerLock(path, "the state directory");
	expect(second.owner.since).toBeGreaterThanOrEqual(first.owner.since);
});

it("is held against other processes, also after this one was refused a second time", () => {
	const path = join(directory, "state");
	using _lock = acquireOwnerLock(path, "it");
	expect(() => acquireOwnerLock(path, "it")).toThrow("in use");
	const other = spawnSync(process.execPath, [
		"--input-type=module",
		"--eval",
		`import { acquireOwnerLock } from ${JSON.stringify(new URL("./owner-lock.ts", import.meta.url).href)};
		try { acquireOwnerLock(${JSON.stringify(path)}, "it"); console.log("owned"); } catch (error) { console.log(error.message); }`,
	]);
	expect(other.stdout.toString()).toContain(`it is in use by process ${process.pid} on`);
});

it("notes where the owner answers, and leaves no draft behind", async () => {
	using lock = acquireOwnerLock(join(directory, "state"), "it");
	lock.announce("http://127.0.0.1:1");
	expect(readOwner(join(directory, "state.owner.json"))).toEqual({ ...lock.owner, url: "http://127.0.0.1:1" });
	expect((await readdir(directory)).sort()).toEqual(["state.lock", "state.owner.json"]);
});

it("believes the operating system, not the note of an owner that is gone", async () => {
	await writeFile(join(directory, "state.owner.json"), JSON.stringify({ pid: process.pid, host: hostname(), since: 1 }));
	using lock = acquireOwnerLock(join(directory, "state"), "it");
	expect(lock.owner.since).toBeGreaterThan(1);
});

it("still refuses a second owner when the note is gone or unreadable", async () => {
	using _lock = acquireOwnerLock(join(directory, "state"), "it");
	await writeFile(join(directory, "state.owner.json"), "{");
	expect(() => acquireOwnerLock(join(directory, "state"), "it")).toThrow("it is in use by another process");
	await rm(join(directory, "state.owner.json"));
	expect(() => acquireOwnerLock(join(directory, "state"), "it")).toThrow("it is in use by another process");
});
