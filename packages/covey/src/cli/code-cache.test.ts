import { spawnSync } from "node:child_process";
import { chownSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { codeCacheDirectory } from "./code-cache.ts";

let home: string;
beforeEach(() => {
	home = mkdtempSync(join(tmpdir(), "covey-code-cache-"));
	writeFileSync(
		join(home, "script-1.js"),
		`function late() { return load("node:os").then(({ EOL }) => process.argv[2] + EOL); } module.exports = { late };`,
	);
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

/** A process that runs the script out of the cache and prints what it answers. */
function start(word = "run", exitCode = 0): string {
	const program = `
		import { runCached } from ${JSON.stringify(join(import.meta.dirname, "code-cache.ts"))};
		const options = { file: ${JSON.stringify(join(home, "script-1.js"))}, purpose: process.argv[2], load: (name) => import(name) };
		process.stdout.write(await runCached(options).late());
		process.exitCode = ${exitCode};`;
	writeFileSync(join(home, "main.mjs"), program);
	const ended = spawnSync(process.execPath, [join(home, "main.mjs"), word], {
		env: { ...process.env, XDG_CACHE_HOME: join(home, "cache") },
	});
	expect(ended.stderr.toString()).toBe("");
	expect(ended.status).toBe(exitCode);
	return ended.stdout.toString();
}

const directory = () => join(home, "cache/covey/compile");
const cached = () => readdirSync(directory()).map((name) => join(directory(), name));
const only = (): string => {
	const files = cached();
	expect(files).toHaveLength(1);
	return files[0] as string;
};

test("a first run leaves the code that it used to later ones", () => {
	expect(start()).toBe("run\n");
	const { ino } = statSync(only());
	expect(start()).toBe("run\n");
	expect(statSync(only()).ino).toBe(ino);
});

test("a command has a cache of its own, and words that are none leave nothing", () => {
	start("run");
	start("../status");
	start("nonsense", 2);
	expect(cached().map((file) => file.replace(/.*-/, ""))).toEqual(["run", "status"]);
});

test("code that is cut off, or of another V8, is compiled anew and replaced", () => {
	start();
	for (const spoil of [(whole: Buffer) => whole.subarray(0, 100), (whole: Buffer) => Buffer.from(whole).fill(1, 4, 8)]) {
		const whole = readFileSync(only());
		writeFileSync(only(), spoil(whole));
		expect(start()).toBe("run\n");
		expect(readFileSync(only()).length).toBe(whole.length);
	}
});

test.skipIf(process.getuid?.() !== 0)("another user's code is not run", () => {
	start();
	chownSync(only(), 65534, 65534);
	start();
	expect(statSync(only()).uid).toBe(0);
});

test("what is a month old goes when something new comes", () => {
	start("run");
	const old = only();
	utimesSync(old, 1, 1);
	start("status");
	expect(only()).not.toBe(old);
});

test("what cannot be kept is left, and the script runs all the same", () => {
	start();
	const file = only();
	rmSync(file);
	// A directory in its place: it can be made beside, and not be put there.
	mkdirSync(join(file, "inside"), { recursive: true });
	expect(start()).toBe("run\n");
	expect(cached()).toEqual([file]);
	rmSync(join(home, "cache"), { recursive: true });
	writeFileSync(join(home, "cache"), "no directory");
	expect(start()).toBe("run\n");
});

test("without a home nothing is kept", () => {
	expect(codeCacheDirectory({})).toBeUndefined();
	expect(codeCacheDirectory({ HOME: "/somewhere" })).toBe("/somewhere/.cache/covey/compile");
	expect(codeCacheDirectory({ HOME: "/somewhere", XDG_CACHE_HOME: "/cache" })).toBe("/cache/covey/compile");
});
