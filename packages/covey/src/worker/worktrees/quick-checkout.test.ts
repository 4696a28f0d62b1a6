import { execFileSync } from "node:child_process";
import { existsSync, lstatSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { createBareRepository } from "#host/git/bare.ts";
import { type GitObject, gitObject, snapshotCommit, writeLooseObjects } from "#host/git/object.ts";
import { checkout } from "./checkout.ts";
import { checkoutQuickly } from "./quick-checkout.ts";

/** Path → content; a path that ends with `*` is executable, with `@` a link. */
type Files = Readonly<Record<string, string>>;

async function startBench(files: Files) {
	const home = mkdtempSync(join(tmpdir(), "covey-quick-checkout-"));
	const store = join(home, "objects.git");
	const places = { root: join(home, "files"), books: join(home, "books"), objects: join(store, "objects") };
	await createBareRepository(store, 40);
	mkdirSync(places.root);
	const environment = { ...process.env, GIT_DIR: places.books, GIT_WORK_TREE: places.root, GIT_OBJECT_DIRECTORY: places.objects };
	const bench = {
		home,
		places,
		git: (...args: readonly string[]) =>
			execFileSync("git", args, { cwd: places.root, env: environment, encoding: "latin1", stdio: "pipe" }),
		async store(of: Files): Promise<{ readonly tree: string; readonly commit: string; readonly clean: false }> {
			const objects: GitObject[] = [];
			const tree = storeTree(of, objects);
			const { commit, content } = snapshotCommit(tree);
			await writeLooseObjects(places.objects, [...objects, { type: "commit", id: commit, content }]);
			return { tree, commit, clean: false };
		},
		/** The index is the tree, entry by entry, and so are the files. */
		expectTree({ tree, commit }: { readonly tree: string; readonly commit: string }) {
			const strip = (listing: string) => listing.replace(/ (blob|tree) /g, " ").replaceAll(" 0\t", "\t");
			writeFileSync(join(places.books, "HEAD"), `${commit}\n`);
			expect(strip(bench.git("ls-files", "-s", "-z"))).toBe(strip(bench.git("ls-tree", "-r", "-z", tree)));
			expect(bench.git("status", "--porcelain", "-z", "--untracked-files=all")).toBe("");
			expect(bench.git("write-tree").trim()).toBe(tree);
			bench.git("fsck", "--connectivity-only");
		},
		[Symbol.dispose]: () => rmSync(home, { recursive: true, force: true }),
	};
	await checkout(places, await bench.store(files));
	return bench;
}

function storeTree(files: Files, objects: GitObject[]): string {
	const items = new Map<string, { mode: string; id: string }>();
	const below = new Map<string, Record<string, string>>();
	for (const [path, content] of Object.entries(files)) {
		const slash = path.indexOf("/");
		const name = path.slice(0, slash < 0 ? undefined : slash);
		if (slash < 0) {
			const blob = gitObject("blob", Buffer.from(content), 40);
			objects.push(blob);
			const mode = path.endsWith("*") ? "100755" : path.endsWith("@") ? "120000" : "100644";
			items.set(path.replace(/[*@]$/, ""), { mode, id: blob.id });
		} else below.set(name, { ...below.get(name), [path.slice(slash + 1)]: content });
	}
	for (const [name, inside] of below) items.set(name, { mode: "40000", id: storeTree(inside, objects) });
	const key = ([name, { mode }]: [string, { mode: string }]) => Buffer.from(mode === "40000" ? `${name}/` : name);
	const content = [...items]
		.sort((a, b) => Buffer.compare(key(a), key(b)))
		.flatMap(([name, { mode, id }]) => [Buffer.from(`${mode} ${name}\0`), Buffer.from(id, "hex")]);
	const tree = gitObject("tree", Buffer.concat(content), 40);
	objects.push(tree);
	return tree.id;
}

const plain: Files = {
	a: "a\n",
	"b*": "#!/bin/sh\n",
	"d/c": "c\n",
	"d/e/f": "f\n",
	"d.x": "between\n",
	"g/only": "g\n",
	"l@": "a",
	näme: "ä\n",
};

const moves: readonly (readonly [string, Files])[] = [
	["an edit", { ...plain, "d/e/f": "edited\n" }],
	["the same again", plain],
	["files that are new, in new directories too", { ...plain, "d/a": "1\n", "d/z/y/x*": "2\n", "line\nbreak/file": "3\n" }],
	["files that are gone, with their directories", { a: "a\n", "d/c": "c\n" }],
	["a link, its target and an executable bit", { ...plain, "l@": "d/c", "a@": "b", b: "#!/bin/sh\n" }],
];

test.each(moves)("%s is brought about without git, and git finds nothing wrong with it", async (_, files) => {
	using bench = await startBench(plain);
	const wanted = await bench.store(files);
	expect(checkoutQuickly(bench.places, wanted.tree)).toBe(true);
	bench.expectTree(wanted);
	const back = await bench.store(plain);
	expect(checkoutQuickly(bench.places, back.tree)).toBe(true);
	bench.expectTree(back);
});

test("what git knew of the trees is kept where nothing changed, and only there", async () => {
	using bench = await startBench(plain);
	expect(checkoutQuickly(bench.places, (await bench.store({ ...plain, "d/e/f": "edited\n" })).tree)).toBe(true);
	const index = readFileSync(join(bench.places.books, "index"), "latin1");
	expect(/TREE[\s\S]{4}\0-1 2\nd\0-1 1\ne\0-1 0\ng\0(\d+) 0\n/.exec(index)?.[1]).toBe("1");
});

const elsewhere: readonly (readonly [string, Files, (root: string) => void])[] = [
	["attributes", { ...plain, ".gitattributes": "* text eol=crlf\n", a: "1\n2\n" }, () => {}],
	["a file where a directory was", { ...plain, g: "a file now\n" } as Files, (root) => writeFileSync(join(root, "g/left"), "by a job\n")],
	[
		"a directory that a job has made a link",
		{ ...plain, "d/c": "edited\n" },
		(root) => {
			rmSync(join(root, "d"), { recursive: true });
			symlinkSync("../outside", join(root, "d"));
		},
	],
	[
		"a file that a job has made a directory",
		{ ...plain, a: "edited\n" },
		(root) => {
			rmSync(join(root, "a"));
			mkdirSync(join(root, "a"));
			writeFileSync(join(root, "a/left"), "by a job\n");
		},
	],
];

test.each(elsewhere)("%s is for git, and nothing outside is touched", async (_, files, disturb) => {
	using bench = await startBench(plain);
	mkdirSync(join(bench.home, "outside"));
	const { "g/only": __, ...withoutG } = files;
	const wanted = await bench.store("g" in files ? withoutG : files);
	disturb(bench.places.root);
	await checkout(bench.places, wanted);
	rmSync(join(bench.places.root, ".git"), { recursive: true });
	bench.expectTree(wanted);
	expect(existsSync(join(bench.home, "outside/c"))).toBe(false);
});

test("names that lead out of the tree are not followed", async () => {
	using bench = await startBench(plain);
	const blob = gitObject("blob", Buffer.from("out\n"), 40);
	const entry = (mode: string, name: string, id: string) => Buffer.concat([Buffer.from(`${mode} ${name}\0`), Buffer.from(id, "hex")]);
	const inner = gitObject("tree", entry("100644", "escaped", blob.id), 40);
	const root = gitObject("tree", entry("40000", "..", inner.id), 40);
	await writeLooseObjects(bench.places.objects, [blob, inner, root]);
	expect(checkoutQuickly(bench.places, root.id)).toBe(false);
	expect(existsSync(join(bench.home, "escaped"))).toBe(false);
	expect(lstatSync(join(bench.places.root, "a")).isFile()).toBe(true);
});

test("an object that is not what its name says is not written", async () => {
	using bench = await startBench(plain);
	const wanted = await bench.store({ ...plain, a: "wanted\n" });
	const { id } = gitObject("blob", Buffer.from("wanted\n"), 40);
	const other = gitObject("blob", Buffer.from("other\n"), 40);
	await writeLooseObjects(bench.places.objects, [{ ...other, id }]);
	expect(checkoutQuickly(bench.places, wanted.tree)).toBe(false);
	expect(readFileSync(join(bench.places.root, "a"), "utf8")).toBe("a\n");
});
