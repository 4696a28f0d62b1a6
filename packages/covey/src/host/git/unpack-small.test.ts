import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { deflateSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { createBareRepository } from "./bare.ts";
import { type GitObject, gitObject, loosePath, snapshotCommit } from "./object.ts";
import { decodePack, encodePack } from "./small-pack.ts";
import { unpackSmall } from "./unpack-small.ts";

async function startBench(idLength = 40) {
	const home = mkdtempSync(join(tmpdir(), "covey-small-pack-"));
	const directory = join(home, "store.git");
	await createBareRepository(directory, idLength);
	const git = (input: Buffer | string, ...args: readonly string[]) =>
		execFileSync("git", args, { cwd: directory, env: { ...process.env, GIT_DIR: directory }, input, encoding: "utf8", stdio: "pipe" });
	return { directory, git, [Symbol.dispose]: () => rmSync(home, { recursive: true, force: true }) };
}

const entry = (mode: string, name: string, id: string) => Buffer.concat([Buffer.from(`${mode} ${name}\0`), Buffer.from(id, "hex")]);
const blobOf = (text: string, idLength = 40) => gitObject("blob", Buffer.from(text), idLength);

/** A snapshot's objects with this root tree. */
function snapshotOf(tree: Buffer, others: readonly GitObject[], idLength = 40) {
	const root = gitObject("tree", tree, idLength);
	const { commit, content } = snapshotCommit(root.id);
	const objects: readonly GitObject[] = [...others, root, { type: "commit", id: commit, content }];
	return { objects, commit, pack: encodePack(objects, idLength) as Buffer };
}

test.each([40, 64])("what is packed here is read by git and here again, with ids of %s digits", async (idLength) => {
	using bench = await startBench(idLength);
	const blobs = ["", "x", "y".repeat(15), "z".repeat(16), "long ".repeat(5000)].map((text) => blobOf(text, idLength));
	const tree = Buffer.concat(blobs.map(({ id }, i) => entry("100644", `f${i}`, id)));
	const { objects, pack } = snapshotOf(tree, blobs, idLength);
	expect(decodePack(pack, idLength)).toEqual(objects);
	bench.git(pack, "unpack-objects", "-q", "--strict");
	expect(bench.git("", "cat-file", "-p", blobs[4]!.id)).toBe("long ".repeat(5000));
});

test("a snapshot is unpacked as git has it, also onto one that git packed with deltas", async () => {
	using bench = await startBench();
	const long = (end: string) => `${"a line of text\n".repeat(200)}${end}`;
	const kept = [blobOf(long("1")), blobOf(long("2")), blobOf(long("3"))];
	const sub = gitObject("tree", entry("100755", "tool", kept[2]!.id), 40);
	const first = snapshotOf(
		Buffer.concat([entry("100644", "a", kept[0]!.id), entry("100644", "b", kept[1]!.id), entry("40000", "d", sub.id)]),
		[...kept, sub],
	);
	expect(await unpackSmall(bench.directory, first.pack, { want: first.commit, strict: true })).toBe(true);
	bench.git(`${first.objects.map(({ id }) => id).join("\n")}\n`, "pack-objects", "-q", "objects/pack/pack");
	bench.git("", "prune-packed", "-q");
	expect(existsSync(loosePath(join(bench.directory, "objects"), sub.id))).toBe(false);
	const edited = blobOf("edited\n");
	const second = snapshotOf(
		Buffer.concat([entry("100644", "a", edited.id), entry("120000", "b", kept[1]!.id), entry("40000", "d", sub.id)]),
		[edited],
	);
	expect(await unpackSmall(bench.directory, second.pack, { want: second.commit, strict: true })).toBe(true);
	bench.git("", "fsck", "--strict", "--full");
	expect(bench.git("", "ls-tree", "-r", "--name-only", second.commit)).toBe("a\nb\nd/tool\n");
});

describe("it is for git to judge", () => {
	const blob = blobOf("content\n");
	const file = entry("100644", "file", blob.id);
	const sub = gitObject("tree", file, 40);
	const strange = [
		".git",
		".GIT",
		".git ",
		".git.",
		"git~1",
		"..",
		".",
		"",
		"a/b",
		"a\\b",
		"a:b",
		".g\u200cit",
		".gitmodules",
		".gitattributes",
	];
	const trees: readonly (readonly [string, Buffer])[] = [
		...strange.map((name) => [`a file called ${JSON.stringify(name)}`, entry("100644", name, blob.id)] as const),
		["a submodule", entry("160000", "sub", blob.id)],
		["a mode with a zero in front", entry("0100644", "file", blob.id)],
		["a mode that is none", entry("100600", "file", blob.id)],
		["a name twice", Buffer.concat([file, file])],
		["a name as a file and as a directory", Buffer.concat([file, entry("100644", "file.x", blob.id), entry("40000", "file", sub.id)])],
		["names out of order", Buffer.concat([file, entry("100644", "a", blob.id)])],
		["a file that is nowhere", entry("100644", "file", "1".repeat(40))],
		["a file that is a tree", entry("100644", "file", sub.id)],
		["a directory that is a file", entry("40000", "file", blob.id)],
		["an entry that is cut off", file.subarray(0, -1)],
	];
	test.each(trees)("%s", async (_, tree) => {
		using bench = await startBench();
		const { pack, commit, objects } = snapshotOf(tree, [blob, sub]);
		expect(await unpackSmall(bench.directory, pack, { want: commit, strict: true })).toBe(false);
		for (const { id } of objects) expect(existsSync(loosePath(join(bench.directory, "objects"), id))).toBe(false);
	});

	const whole = snapshotOf(file, [blob]);
	const trailed = (body: Buffer) => Buffer.concat([body, createHash("sha1").update(body).digest()]);
	const body = whole.pack.subarray(0, -20);
	const counted = Buffer.from(body);
	counted.writeUInt32BE(9, 8);
	const bomb = Buffer.concat([Buffer.from("PACK\0\0\0\x02\0\0\0\x01", "latin1"), Buffer.from([0x31]), deflateSync(Buffer.alloc(1 << 20))]);
	const commitOf = (text: string) => gitObject("commit", Buffer.from(text), 40);
	const signed = commitOf(`${whole.objects.at(-1)!.content.toString()}more\n`);
	const packs: readonly (readonly [string, Buffer, string])[] = [
		["a pack that is cut off", whole.pack.subarray(0, -1), whole.commit],
		["a pack with another checksum", Buffer.concat([body, Buffer.alloc(20)]), whole.commit],
		["a pack with something behind", trailed(Buffer.concat([body, Buffer.from("x")])), whole.commit],
		["a pack that has fewer objects than it says", trailed(counted), whole.commit],
		["an object that expands beyond what it says", trailed(bomb), whole.commit],
		["another commit than the one that is wanted", whole.pack, "2".repeat(40)],
		["a commit that is none of a snapshot", encodePack([blob, ...whole.objects.slice(1, 2), signed], 40) as Buffer, signed.id],
	];
	test.each(packs)("%s", async (_, pack, want) => {
		using bench = await startBench();
		expect(await unpackSmall(bench.directory, pack, { want, strict: true })).toBe(false);
	});
});
