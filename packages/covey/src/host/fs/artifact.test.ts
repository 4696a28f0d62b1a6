import { createHash } from "node:crypto";
import {
	chmodSync,
	existsSync,
	mkdirSync,
	mkdtempSync,
	readdirSync,
	readFileSync,
	readlinkSync,
	rmSync,
	statSync,
	symlinkSync,
	writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Header } from "tar";
import { describe, expect, test } from "vitest";
import { createArchivePolicy } from "./archive-policy.ts";
import { placeArtifact } from "./artifact.ts";
import { collectArtifacts } from "./collect-artifacts.ts";
import { makeDirectoryInside, resolveInside } from "./resolve-inside.ts";

function createBench() {
	const home = mkdtempSync(join(tmpdir(), "covey-artifact-test-"));
	const [root, target, temporary] = [join(home, "root"), join(home, "target"), join(home, "temporary")];
	for (const directory of [root, target, temporary]) mkdirSync(directory);
	writeFileSync(join(home, "secret"), "secret");
	const collect = (...paths: string[]) => collectArtifacts({ root, paths, temporary, bytesMax: 1024 * 1024 });
	return { home, root, target, temporary, collect, [Symbol.dispose]: () => rmSync(home, { recursive: true, force: true }) };
}

async function* once(content: Uint8Array): AsyncGenerator<Uint8Array> {
	yield content;
}

function archiveOf(entries: readonly { path: string; type: string; linkpath?: string; content?: string; mode?: number }[]): Buffer {
	const blocks = entries.flatMap(({ content = "", mode = 0o644, ...entry }) => {
		const header = Buffer.alloc(512);
		new Header({ ...entry, mode, size: content.length, mtime: new Date(0) } as never).encode(header, 0);
		return [header, Buffer.from(content.padEnd(Math.ceil(content.length / 512) * 512, "\0"))];
	});
	return Buffer.concat([...blocks, Buffer.alloc(1024)]);
}

describe("an artifact", () => {
	test("of a file comes back with its content and mode, over what was there", async () => {
		using bench = createBench();
		mkdirSync(join(bench.root, "out"));
		writeFileSync(join(bench.root, "out/app"), "#!/bin/sh\n", { mode: 0o755 });
		await using collected = await bench.collect("out/app", "out/none");
		expect(collected.missing).toEqual(["out/none"]);
		const [artifact] = collected.artifacts;
		expect(artifact).toMatchObject({ path: "out/app", kind: "file", mode: 0o755, bytes: 10 });
		mkdirSync(join(bench.target, "out"));
		symlinkSync(join(bench.home, "secret"), join(bench.target, "out/app"));
		await placeArtifact({ root: bench.target, artifact: artifact!, content: artifact!.content() });
		expect(readFileSync(join(bench.target, "out/app"), "utf8")).toBe("#!/bin/sh\n");
		expect(statSync(join(bench.target, "out/app")).mode & 0o777).toBe(0o755);
		expect(readFileSync(join(bench.home, "secret"), "utf8")).toBe("secret");
		expect(readdirSync(join(bench.target, "out"))).toEqual(["app"]);
	});

	test("of a directory is the same archive whenever it holds the same, and is merged into what is there", async () => {
		using bench = createBench();
		for (const name of ["b", "a", "deep/näme"]) {
			mkdirSync(join(bench.root, "dist/deep"), { recursive: true });
			writeFileSync(join(bench.root, "dist", name), name);
		}
		chmodSync(join(bench.root, "dist/a"), 0o755);
		symlinkSync("a", join(bench.root, "dist/link"));
		symlinkSync(join(bench.home, "secret"), join(bench.root, "dist/away"));
		await using first = await bench.collect("dist");
		await using second = await bench.collect("dist/");
		expect(second.artifacts[0]?.digest).toBe(first.artifacts[0]?.digest);
		expect(first.missing).toEqual(["dist/away (a symbolic link out of the directory)"]);
		mkdirSync(join(bench.target, "dist"));
		writeFileSync(join(bench.target, "dist/mine"), "mine");
		const artifact = first.artifacts[0]!;
		await placeArtifact({ root: bench.target, artifact, content: artifact.content() });
		expect(readdirSync(join(bench.target, "dist")).sort()).toEqual(["a", "b", "deep", "link", "mine"]);
		expect(readFileSync(join(bench.target, "dist/deep/näme"), "utf8")).toBe("deep/näme");
		expect(readlinkSync(join(bench.target, "dist/link"))).toBe("a");
		expect(statSync(join(bench.target, "dist/a")).mode & 0o777).toBe(0o755);
	});

	test("leaves no archive behind when it is disposed of", async () => {
		using bench = createBench();
		mkdirSync(join(bench.root, "dist"));
		const collected = await bench.collect("dist");
		expect(readdirSync(bench.temporary)).toHaveLength(1);
		await collected[Symbol.asyncDispose]();
		expect(readdirSync(bench.temporary)).toEqual([]);
	});

	test("is never what lies outside of the worktree", async () => {
		using bench = createBench();
		symlinkSync(bench.home, join(bench.root, "up"));
		symlinkSync(join(bench.home, "secret"), join(bench.root, "link"));
		await using collected = await bench.collect("up/secret", "link", "../secret", "/etc/passwd", "a/../../secret");
		expect(collected.artifacts).toEqual([]);
		expect(collected.missing).toHaveLength(5);
	});

	test("over its size is refused", async () => {
		using bench = createBench();
		writeFileSync(join(bench.root, "big"), Buffer.alloc(1024 * 1024 + 1));
		await expect(bench.collect("big")).rejects.toMatchObject({ code: "too_large" });
	});

	test("with other content than its digest changes nothing", async () => {
		using bench = createBench();
		writeFileSync(join(bench.target, "file"), "before");
		const artifact = { path: "file", kind: "file" as const, mode: 0o644, bytes: 3, digest: "0".repeat(64) };
		for (const content of ["new", "ne", "newer"]) {
			const placing = placeArtifact({ root: bench.target, artifact, content: once(Buffer.from(content)) });
			await expect(placing).rejects.toMatchObject({ code: "bad_request" });
		}
		expect(readdirSync(bench.target)).toEqual(["file"]);
		expect(readFileSync(join(bench.target, "file"), "utf8")).toBe("before");
	});

	test.each([
		["climbs", [{ path: "../evil", type: "File" }]],
		["is absolute", [{ path: "/tmp/evil", type: "File" }]],
		["links out", [{ path: "link", type: "SymbolicLink", linkpath: "../../secret" }]],
		["links to an absolute path", [{ path: "link", type: "SymbolicLink", linkpath: "/etc" }]],
		[
			"writes through a link of its own",
			[
				{ path: "l", type: "SymbolicLink", linkpath: "." },
				{ path: "l", type: "File" },
			],
		],
		[
			"is a hard link",
			[
				{ path: "a", type: "File" },
				{ path: "b", type: "Link", linkpath: "a" },
			],
		],
		["is a pipe", [{ path: "pipe", type: "FIFO" }]],
		["is a device", [{ path: "device", type: "CharacterDevice" }]],
		["has an escape in its name", [{ path: "a\u001b[2J", type: "File" }]],
		[
			"comes twice in another case",
			[
				{ path: "File", type: "File" },
				{ path: "file", type: "File" },
			],
		],
		["is a hook", [{ path: ".git/hooks/post-commit", type: "File", mode: 0o755 }]],
		["is a nested repository's configuration", [{ path: "vendor/.GIT/config", type: "File" }]],
		["is git's by its short name", [{ path: "GIT~1/config", type: "File" }]],
		["is git's on HFS+", [{ path: ".g\u200cit/config", type: "File" }]],
		["has a backslash that climbs", [{ path: "..\\evil", type: "File" }]],
	])("whose entry %s is refused before anything is written", async (_, entries) => {
		using bench = createBench();
		const content = archiveOf([{ path: "good", type: "File", content: "good" }, ...entries]);
		const digest = createHash("sha256").update(content).digest("hex");
		const artifact = { path: "dist", kind: "directory" as const, mode: 0o755, bytes: content.length, digest };
		const placing = placeArtifact({ root: bench.target, artifact, content: once(content) });
		await expect(placing).rejects.toMatchObject({ code: "bad_request" });
		expect(readdirSync(join(bench.target, "dist"))).toEqual([]);
		expect(readdirSync(bench.home).sort()).toEqual(["root", "secret", "target", "temporary"]);
	});

	test.each([".git/config", "a/.git", ".GIT/hooks/post-commit", ".git./config", "git~1", ".git::$INDEX_ALLOCATION/config"])(
		"is never git's own file %s, in neither direction",
		async (path) => {
			using bench = createBench();
			mkdirSync(join(bench.root, path, ".."), { recursive: true });
			writeFileSync(join(bench.root, path), "");
			await using collected = await bench.collect(path);
			expect([collected.artifacts, collected.missing]).toEqual([[], [`${path} (belongs to git)`]]);
			const artifact = { path, kind: "file" as const, mode: 0o755, bytes: 0, digest: createHash("sha256").digest("hex") };
			await expect(placeArtifact({ root: bench.target, artifact, content: once(Buffer.alloc(0)) })).rejects.toThrow(/belongs to git/);
			expect(readdirSync(bench.target)).toEqual([]);
		},
	);

	test("of a directory leaves the repositories in it behind, and says so", async () => {
		using bench = createBench();
		mkdirSync(join(bench.root, "dist/vendor/.git/hooks"), { recursive: true });
		writeFileSync(join(bench.root, "dist/vendor/.git/hooks/post-checkout"), "");
		writeFileSync(join(bench.root, "dist/vendor/code"), "");
		await using collected = await bench.collect("dist");
		expect(collected.missing).toEqual(["dist/vendor/.git (belongs to git)"]);
		const [artifact] = collected.artifacts;
		await placeArtifact({ root: bench.target, artifact: artifact!, content: artifact!.content() });
		expect(readdirSync(join(bench.target, "dist/vendor"))).toEqual(["code"]);
	});

	test("does not go through a link that stands in its way", async () => {
		using bench = createBench();
		symlinkSync(bench.home, join(bench.target, "dist"));
		const content = archiveOf([{ path: "new", type: "File", content: "x" }]);
		const digest = createHash("sha256").update(content).digest("hex");
		const artifact = { path: "dist", kind: "directory" as const, mode: 0o755, bytes: content.length, digest };
		await expect(placeArtifact({ root: bench.target, artifact, content: once(content) })).rejects.toMatchObject({ code: "conflict" });
		expect(existsSync(join(bench.home, "new"))).toBe(false);
	});
});

test("an archive ends at its limits", () => {
	const judge = createArchivePolicy({ entriesMax: 2, bytesMax: 10, depthMax: 3 });
	const file = (path: string, size = 1) => ({ path, type: "File", size });
	expect(() => judge(file("a/b/c/d"))).toThrow(/deeper/);
	expect(() => judge(file("a", 100))).toThrow(/bytes/);
	const another = createArchivePolicy({ entriesMax: 2, bytesMax: 10, depthMax: 3 });
	another(file("a"));
	another(file("b"));
	expect(() => another(file("c"))).toThrow(/one more/);
});

describe("a path stays inside of its root", () => {
	test.each(["../x", "a/../../x", "..", "/x", "a\0b", "", "..\\x", "C:\\x", "\\\\host\\share", "link/x", "link/../x"])(
		"so %j is refused",
		async (path) => {
			using bench = createBench();
			symlinkSync(bench.home, join(bench.root, "link"));
			await expect(resolveInside(bench.root, path)).rejects.toMatchObject({ code: "bad_request" });
		},
	);

	test("and names that only look odd are taken as they are", async () => {
		using bench = createBench();
		expect(await resolveInside(bench.root, "%2e%2e%2fx")).toMatch(/root\/%2e%2e%2fx$/);
		expect(await resolveInside(bench.root, "./a..b")).toMatch(/root\/a\.\.b$/);
		expect(await makeDirectoryInside(bench.root, "x/y/z")).toMatch(/root\/x\/y\/z$/);
		await expect(resolveInside(bench.root, "no/such")).rejects.toMatchObject({ code: "not_found" });
	});
});
