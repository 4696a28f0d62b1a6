import { execFileSync } from "node:child_process";
import { chmodSync, lstatSync, mkdirSync, renameSync, rmSync, type Stats, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { Fleet, recordOf } from "../kit/fleet.ts";
import { Repository } from "../kit/repository.ts";
import { Random } from "../simulation/random.ts";
import { verifies } from "./verifies.ts";

const repositories = 20;
const runsOfEach = 10;
const atOnce = 8;

/** What a job sees, told in the same words on both sides: every path with its kind, its executable bit and its bytes. */
const listing = `find . -name .git -prune -o \\( -type f -o -type l \\) -print0 | LC_ALL=C sort -z |
	while IFS= read -r -d '' path; do
		if [ -L "$path" ]; then printf 'l %s %s\\n' "$path" "$(readlink "$path")"
		elif [ -x "$path" ]; then printf 'x %s ' "$path"; sha256sum < "$path"
		else printf 'f %s ' "$path"; sha256sum < "$path"; fi
	done`;

test(`${repositories * runsOfEach} random dirty trees, ${atOnce} at once, arrive as they are`, { timeout: 240_000 }, async () => {
	verifies("tree:random");
	const seed = Math.floor(Math.random() * 2 ** 31);
	const random = new Random(seed);
	await using fleet = await Fleet.start({ workers: 2, slots: atOnce / 2 });
	await using stack = new AsyncDisposableStack();
	const all = Array.from({ length: repositories }, () =>
		stack.use(new Repository({ "a.txt": "a\n", "d/b.txt": "b\n", "d/e/c.txt": "c\n" })),
	);
	const hosts = new Set<string | null>();
	const worktree = async (repository: Repository): Promise<void> => {
		for (let i = 0; i < runsOfEach; i++) {
			for (let changes = random.between(1, 6); changes > 0; changes--) change(repository, random);
			const cwd = repository.directory;
			const words = ["--json", "--fallback", "never", "--", "bash", "-c", listing];
			const finished = await fleet.run(words, { cwd });
			const record = recordOf(finished);
			hosts.add(record.machine);
			const about = `seed ${seed}, ${repository.git("status", "--short")}`;
			expect(record, about).toMatchObject({ outcome: "passed", attempt: 1, tree: repository.tree() });
			expect(finished.stdout.toString(), about).toBe(execFileSync("bash", ["-c", listing], { cwd, encoding: "utf8" }));
		}
	};
	const queue = [...all];
	await Promise.all(
		Array.from({ length: atOnce }, async () => {
			for (let repository = queue.pop(); repository !== undefined; repository = queue.pop()) await worktree(repository);
		}),
	);
	expect(hosts).toEqual(new Set(["worker-1", "worker-2"]));
});

const names = [
	"a.txt",
	"d",
	"d/b.txt",
	"d/e/c.txt",
	"d/e",
	"new",
	"with space",
	"ünï/cödé",
	"d/new/er",
	"-dash",
	"semi;colon",
	"tab\there",
];

/** One of the things that people and tools do to a worktree. */
function change(repository: Repository, random: Random): void {
	const path = join(repository.directory, random.pick(names));
	const content = random.chance(0.3)
		? Buffer.from(Array.from({ length: random.skewed(0, 50_000) }, () => random.between(0, 255)))
		: `${random.identifier("")}\n`;
	const kind = random.pick(["write", "write", "write", "delete", "mode", "link", "rename", "stage", "commit"] as const);
	if (kind === "write") replace(path, () => writeFileSync(path, content));
	else if (kind === "link") replace(path, () => symlinkSync(random.pick(["a.txt", "e", "nowhere/at all"]), path));
	else if (kind === "delete") remove(path);
	else if (kind === "mode" && isFile(path)) chmodSync(path, random.pick([0o644, 0o755]));
	else if (kind === "rename" && isFile(path)) renameSync(path, join(repository.directory, `renamed-${random.between(0, 3)}`));
	else if (kind === "stage") repository.git("add", "-A");
	else if (kind === "commit") {
		repository.git("add", "-A");
		repository.git("commit", "-q", "--allow-empty", "-m", "another");
	}
}

/** Whatever stood at the path or above it makes room. */
function replace(path: string, put: () => void): void {
	remove(path);
	for (let above = dirname(path); !standing(above)?.isDirectory(); above = dirname(above)) remove(above);
	mkdirSync(dirname(path), { recursive: true });
	put();
}

function remove(path: string): void {
	if (standing(path)) rmSync(path, { recursive: true });
}

const isFile = (path: string): boolean => standing(path)?.isFile() === true;

/** What stands there itself, not what a link leads to. */
function standing(path: string): Stats | undefined {
	try {
		return lstatSync(path);
	} catch {
		return undefined;
	}
}
