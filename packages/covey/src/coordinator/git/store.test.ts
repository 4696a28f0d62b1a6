import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, renameSync, truncateSync } from "node:fs";
import { join } from "node:path";
import { deflateSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { objectId, snapshotCommit } from "#host/git/object.ts";
import { type Pack, packSnapshot } from "#host/git/pack.ts";
import { createScratchRepository } from "#host/git/scratch-repository.ts";
import { createSnapshot, type Snapshot } from "#host/git/snapshot.ts";
import { createSnapshotStore, type SnapshotStoreOptions } from "./store.ts";

function createBench(options: Partial<SnapshotStoreOptions> = {}) {
	const scratch = createScratchRepository();
	let time = 1_000_000;
	const directory = join(scratch.home, "store");
	const open = () => createSnapshotStore({ directory, now: () => time++, ...options });
	const store = open();
	const keyOf = (of: Snapshot) => ({ namespace: "default", repository: of.repository });
	return {
		scratch,
		directory,
		store,
		open,
		keyOf,
		snapshot: (files: Readonly<Record<string, string>> = {}) => {
			scratch.write(files);
			return createSnapshot({ directory: scratch.root, cacheDirectory: scratch.cacheDirectory });
		},
		async send(of: Snapshot, to = store) {
			const pack = await packSnapshot({ snapshot: of, bases: await to.bases(keyOf(of)) });
			return to.receive(keyOf(of), { commit: of.commit, tree: of.tree, bases: pack.bases, content: pack.content });
		},
		[Symbol.dispose]: () => scratch[Symbol.dispose](),
	};
}

async function bytesOf(pack: Pack): Promise<Buffer> {
	const chunks: Uint8Array[] = [];
	for await (const chunk of pack.content) chunks.push(chunk);
	return Buffer.concat(chunks);
}

async function* once(content: Uint8Array): AsyncGenerator<Uint8Array> {
	yield content;
}

/** A pack of whole objects, each as it is said to be. */
function handMadePack(objects: readonly (readonly ["commit" | "tree" | "blob", Buffer])[]): Buffer {
	const kinds = { commit: 1, tree: 2, blob: 3 };
	const header = Buffer.from("PACK\0\0\0\x02\0\0\0\0", "latin1");
	header.writeUInt32BE(objects.length, 8);
	const parts = objects.flatMap(([kind, content]) => {
		const size = [];
		let rest = content.length >> 4;
		for (let byte = (kinds[kind] << 4) | (content.length & 15); ; byte = rest & 127, rest >>= 7) {
			size.push(rest > 0 ? byte | 128 : byte);
			if (rest === 0) break;
		}
		return [Buffer.from(size), deflateSync(content)];
	});
	const body = Buffer.concat([header, ...parts]);
	return Buffer.concat([body, createHash("sha1").update(body).digest()]);
}

function treeEntry(mode: string, name: string, id: string): Buffer {
	return Buffer.concat([Buffer.from(`${mode} ${name}\0`), Buffer.from(id, "hex")]);
}

describe("the snapshot store", () => {
	test("has what it received, tells its bases newest first, and remembers both after a restart", async () => {
		using bench = createBench();
		const first = await bench.snapshot();
		const key = bench.keyOf(first);
		expect(await bench.store.has(key, first.commit)).toBe(false);
		await bench.send(first);
		const second = await bench.snapshot({ "a.txt": "changed\n" });
		const { bytes } = await bench.send(second);
		expect(bytes).toBeLessThan(1000);
		const again = bench.open();
		expect(await again.has(key, first.commit)).toBe(true);
		expect((await again.bases(key)).toSorted()).toEqual([first.commit, second.commit].toSorted());
		expect(await bench.store.bases(key)).toEqual([second.commit, first.commit]);
		expect(await again.has({ ...key, namespace: "other" }, first.commit)).toBe(false);
	});

	test("hands on the very pack that was uploaded when the worker has its bases, and a packed one otherwise", async () => {
		using bench = createBench();
		const first = await bench.snapshot();
		await bench.send(first);
		const second = await bench.snapshot({ "a.txt": "changed\n" });
		const key = bench.keyOf(second);
		const pack = await packSnapshot({ snapshot: second, bases: [first.commit] });
		const content = await bytesOf(pack);
		await bench.store.receive(key, { commit: second.commit, tree: second.tree, bases: pack.bases, content: once(content) });
		expect(await bytesOf(await bench.store.pack(key, second.commit, [first.commit]))).toEqual(content);
		const whole = await bench.store.pack(key, second.commit, []);
		expect(whole.bases).toEqual([]);
		expect((await bytesOf(whole)).length).toBeGreaterThan(content.length);
		await expect(bench.store.pack(key, first.tree, [])).rejects.toMatchObject({ code: "not_found" });
	});

	test("takes many uploads of one and of different snapshots at once", async () => {
		using bench = createBench();
		const snapshots: Snapshot[] = [];
		for (let i = 0; i < 10; i++) snapshots.push(await bench.snapshot({ "a.txt": `${i}\n` }));
		await Promise.all([...snapshots, ...snapshots].map((of) => bench.send(of)));
		for (const of of snapshots) expect(await bench.store.has(bench.keyOf(of), of.commit)).toBe(true);
		const directory = await bench.store.directory(bench.keyOf(snapshots[0]!));
		const files = readdirSync(directory, { recursive: true }) as string[];
		expect(files.filter((name) => /quarantine\/|tmp_obj/.test(name))).toEqual([]);
		execFileSync("git", ["fsck", "--strict", "--full"], { cwd: directory, stdio: "pipe" });
	});

	test("takes a large pack as a pack", async () => {
		using bench = createBench();
		const files = Object.fromEntries(Array.from({ length: 400 }, (_, i) => [`many/${i}`, `${i}\n`]));
		const of = await bench.snapshot(files);
		await bench.send(of);
		const directory = await bench.store.directory(bench.keyOf(of));
		expect(readdirSync(join(directory, "objects/pack")).some((name) => name.endsWith(".pack"))).toBe(true);
		expect((await bytesOf(await bench.store.pack(bench.keyOf(of), of.commit, []))).length).toBeGreaterThan(400);
	});

	test("mends after a restart the name of a snapshot that a crash has torn", async () => {
		using bench = createBench();
		const of = await bench.snapshot();
		await bench.send(of);
		const directory = await bench.store.directory(bench.keyOf(of));
		truncateSync(join(directory, "refs/covey/snapshots", of.commit));
		expect(await bench.open().has(bench.keyOf(of), of.commit)).toBe(true);
		execFileSync("git", ["fsck", "--strict", "--full"], { cwd: directory, stdio: "pipe" });
	});

	test("drops the least recently used beyond its limit, never a pinned one, and stays whole", async () => {
		using bench = createBench({ snapshotsMax: 2 });
		const snapshots: Snapshot[] = [];
		for (let i = 0; i < 5; i++) {
			const of = await bench.snapshot({ "a.txt": `${i}\n` });
			await bench.send(of);
			snapshots.push(of);
		}
		const key = bench.keyOf(snapshots[0]!);
		bench.store.pin(key, snapshots[0]!.commit);
		expect(await bench.store.maintain()).toEqual({ dropped: 2 });
		const left = await Promise.all(snapshots.map((of) => bench.store.has(key, of.commit)));
		expect(left).toEqual([true, false, false, true, true]);
		execFileSync("git", ["fsck", "--strict", "--full"], { cwd: await bench.store.directory(key), stdio: "pipe" });
		await bench.send(snapshots[1]!);
		expect(await bench.store.has(key, snapshots[1]!.commit)).toBe(true);
	});

	test("ends after a restart what a crash interrupted between checking and moving in", async () => {
		using bench = createBench();
		const first = await bench.snapshot();
		await bench.send(first);
		const directory = await bench.store.directory(bench.keyOf(first));
		const [folder] = readdirSync(join(directory, "objects")).filter((name) => name.length === 2);
		mkdirSync(join(directory, "quarantine/one.ready"), { recursive: true });
		mkdirSync(join(directory, "quarantine/two.incoming/ab"), { recursive: true });
		renameSync(join(directory, "objects", folder!), join(directory, "quarantine/one.ready", folder!));
		await bench.open().has(bench.keyOf(first), first.commit);
		expect(readdirSync(join(directory, "quarantine"))).toEqual([]);
		execFileSync("git", ["fsck", "--full"], { cwd: directory, stdio: "pipe" });
	});
});

describe("the snapshot store refuses and keeps nothing of", () => {
	const blob = Buffer.from("content\n");
	const blobId = objectId("blob", blob, 40);
	const good = treeEntry("100644", "file", blobId);
	const cases: readonly [string, RegExp, Buffer, readonly (readonly ["commit" | "tree" | "blob", Buffer])[] | Buffer][] = [
		["a pack that is none", /not a git pack/, good, Buffer.from("not a pack, but long enough")],
		[
			"a pack that is cut off",
			/refused the pack/,
			good,
			handMadePack([
				["blob", blob],
				["tree", good],
				["commit", snapshotCommit(objectId("tree", good, 40)).content],
			]).subarray(0, -30),
		],
		[
			"a pack without the commit",
			/does not hold/,
			good,
			[
				["blob", blob],
				["tree", good],
			],
		],
		["a pack without the tree", /refused the pack/, good, [["commit", snapshotCommit(objectId("tree", good, 40)).content]]],
		[
			"a pack without a file",
			/refused the pack/,
			good,
			[
				["tree", good],
				["commit", snapshotCommit(objectId("tree", good, 40)).content],
			],
		],
		...([".git", ".GIT", "..", "a/b"].map((name) => {
			const tree = treeEntry("100644", name, blobId);
			const commit = snapshotCommit(objectId("tree", tree, 40)).content;
			return [
				`a tree with the name ${name}`,
				/refused the pack/,
				tree,
				[
					["blob", blob],
					["tree", tree],
					["commit", commit],
				],
			] as const;
		}) as never),
	];
	test.each(cases)("%s", async (_, message, tree, pack) => {
		using bench = createBench();
		const id = objectId("tree", tree, 40);
		const key = { namespace: "default", repository: "0".repeat(32) };
		const { commit } = snapshotCommit(id);
		const content = once(Buffer.isBuffer(pack) ? pack : handMadePack(pack));
		await expect(bench.store.receive(key, { commit, tree: id, content })).rejects.toMatchObject({
			message: expect.stringMatching(message),
		});
		expect(await bench.store.has(key, commit)).toBe(false);
		const left = readdirSync(join(bench.directory, "default", `${key.repository}.git`), { recursive: true }) as string[];
		expect(left.filter((name) => /[0-9a-f]{38}/.test(name))).toEqual([]);
	});

	test("nothing of this when the pack is whole", async () => {
		using bench = createBench();
		const id = objectId("tree", good, 40);
		const key = { namespace: "default", repository: "0".repeat(32) };
		const { commit, content } = snapshotCommit(id);
		await bench.store.receive(key, {
			commit,
			tree: id,
			content: once(
				handMadePack([
					["blob", blob],
					["tree", good],
					["commit", content],
				]),
			),
		});
		expect(await bench.store.has(key, commit)).toBe(true);
	});

	test("a commit that is not the tree's, a pack over the limit, and names that lead elsewhere", async () => {
		using bench = createBench({ packBytesMax: 100 });
		const of = await bench.snapshot();
		const { commit, tree } = of;
		const content = once(Buffer.alloc(0));
		const key = bench.keyOf(of);
		await expect(bench.store.receive(key, { commit: tree, tree, content })).rejects.toMatchObject({ code: "bad_request" });
		await expect(bench.store.receive(key, { commit: "--output=x", tree, content })).rejects.toMatchObject({ code: "bad_request" });
		await expect(bench.store.has({ namespace: "..", repository: key.repository }, commit)).rejects.toMatchObject({ code: "bad_request" });
		await expect(bench.store.has({ namespace: "a", repository: "../../x" }, commit)).rejects.toMatchObject({ code: "bad_request" });
		await expect(bench.send(of)).rejects.toMatchObject({ code: "too_large" });
	});
});
