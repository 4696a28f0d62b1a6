import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
	copyFileSync,
	existsSync,
	lstatSync,
	mkdirSync,
	mkdtempSync,
	readdirSync,
	readFileSync,
	readlinkSync,
	realpathSync,
	rmSync,
	utimesSync,
	writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

/** A real repository and a cache in a temporary directory, gone at the end of the test. */
export interface ScratchRepository extends Disposable {
	/** Holds all of it. */
	readonly home: string;
	readonly root: string;
	readonly cacheDirectory: string;
	git(...args: readonly string[]): string;
	write(files: Readonly<Record<string, string>>): void;
	commit(): void;
}

const environment = {
	...process.env,
	GIT_CONFIG_NOSYSTEM: "1",
	GIT_CONFIG_GLOBAL: "/dev/null",
	GIT_AUTHOR_NAME: "A",
	GIT_AUTHOR_EMAIL: "a@example.test",
	GIT_COMMITTER_NAME: "A",
	GIT_COMMITTER_EMAIL: "a@example.test",
};

export function createScratchRepository(
	files: Readonly<Record<string, string>> = { "a.txt": "a\n", "src/b.txt": "b\n" },
): ScratchRepository {
	const home = realpathSync(mkdtempSync(join(tmpdir(), "covey-git-test-")));
	const root = join(home, "work");
	const git = (...args: readonly string[]) =>
		execFileSync("git", ["-c", "protocol.file.allow=always", ...args], { cwd: root, env: environment, encoding: "utf8", stdio: "pipe" });
	const scratch: ScratchRepository = {
		home,
		root,
		cacheDirectory: join(home, "cache"),
		git,
		write(more) {
			for (const [path, content] of Object.entries(more)) {
				mkdirSync(dirname(join(root, path)), { recursive: true });
				writeFileSync(join(root, path), content);
			}
		},
		commit() {
			git("add", "-A");
			git("commit", "-q", "--allow-empty", "-m", "a commit");
		},
		[Symbol.dispose]: () => rmSync(home, { recursive: true, force: true }),
	};
	mkdirSync(root);
	git("init", "-q", "-b", "main");
	scratch.write(files);
	if (Object.keys(files).length > 0) scratch.commit();
	return scratch;
}

/** What `git add -A` and `git write-tree` say of the worktree, by a copied index and with objects thrown away. */
export function referenceTree(scratch: ScratchRepository): string {
	const scrap = mkdtempSync(join(scratch.home, "reference-"));
	const index = join(scrap, "index");
	const original = join(scratch.root, ".git", "index");
	if (existsSync(original)) {
		copyFileSync(original, index);
		// So that git compares every content and trusts no time stamp.
		utimesSync(index, 1, 1);
	}
	const env = {
		...environment,
		GIT_INDEX_FILE: index,
		GIT_OBJECT_DIRECTORY: join(scrap, "objects"),
		GIT_ALTERNATE_OBJECT_DIRECTORIES: join(scratch.root, ".git", "objects"),
	};
	mkdirSync(env.GIT_OBJECT_DIRECTORY);
	const run = (...args: readonly string[]) => execFileSync("git", args, { cwd: scratch.root, env, encoding: "utf8", stdio: "pipe" });
	run("add", "-A", "--sparse");
	return run("write-tree").trim();
}

/** A digest of every file, link, mode and modification time below a directory. */
export function fingerprint(directory: string): string {
	const hash = createHash("sha256");
	for (const name of (readdirSync(directory, { recursive: true }) as string[]).sort()) {
		const path = join(directory, name);
		const found = lstatSync(path);
		hash.update(`${name}\0${found.mode}\0${found.isDirectory() ? "" : found.mtimeMs}\0`);
		if (found.isFile()) hash.update(readFileSync(path));
		if (found.isSymbolicLink()) hash.update(readlinkSync(path));
	}
	return hash.digest("hex");
}
