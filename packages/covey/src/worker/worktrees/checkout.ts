import { existsSync, lstatSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { mkdir, rm, rmdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { CoveyError } from "@covey/protocol/errors";
import { copyIndex } from "#host/git/copy-index.ts";
import { git } from "#host/git/git.ts";
import { type HeldStatus, holdStatus, pathBytes, readStatus, type StatusEntry } from "#host/git/status.ts";
import { checkoutQuickly } from "./quick-checkout.ts";

/** Where one worktree lives. Git's own books stand beside the files, not among them, where a job could doctor them. */
export interface WorktreePlaces {
	/** The files; where the job runs. */
	readonly root: string;
	/** HEAD and index. */
	readonly books: string;
	/** The shared objects. */
	readonly objects: string;
}

/**
 * Makes the files those of `tree`, whatever an earlier job left: changed, deleted and replaced files are restored,
 * untracked ones removed. Ignored ones (build outputs) stay unless `clean`.
 *
 * What is proved: git finds the index equal to `tree`, and no tracked file whose type, mode, size, inode, modification
 * or change time differs from when git itself wrote it out of the object of that hash (contents are compared where
 * times are too close to tell), none missing, none behind a symbolic link, and none beside them. A change time cannot
 * be set back without changing the machine's clock, so an edit with a restored modification time is found too. What is
 * not proved: bytes changed below the file system; directories without files, which git does not know.
 *
 * @returns milliseconds by phase. @throws CoveyError `bad_snapshot` with both hashes when it cannot be done.
 */
export async function checkout(
	places: WorktreePlaces,
	wanted: { readonly commit: string; readonly tree: string; readonly clean: boolean; readonly signal?: AbortSignal },
	prover?: HeldStatus,
): Promise<{ readonly checkout: number; readonly prove: number }> {
	const { signal } = wanted;
	const call = { trust: "own", directory: places.root, environment: environmentOf(places), signal } as const;
	const timings = { checkout: 0, prove: 0 };
	// The last attempt wanted this very tree: if the proof holds as things stand, there is nothing to check out.
	const pointed = prepareBooks(places, wanted.commit) === wanted.commit;
	await removeJobRepository(places.root);
	if (wanted.clean) await git({ ...call, arguments: ["clean", "-ffdxq"] });
	const jobRepository = writeJobRepository(places, wanted.commit);
	jobRepository.catch(() => {});
	for (let round = 1; round <= roundsMax; round++) {
		const started = performance.now();
		if (round > 1 || !(pointed || checkoutQuickly(places, wanted.tree)))
			await git({ ...call, arguments: [...parallel, "read-tree", "--reset", "-u", wanted.tree] });
		const checkedOut = performance.now();
		const { entries } = await (round === 1 && prover ? prover.read(signal) : readStatus({ ...call, refresh: true }));
		await removeUntracked(places.root, entries);
		timings.checkout += checkedOut - started;
		timings.prove += performance.now() - checkedOut;
		if (entries.every((entry) => entry.kind === "untracked")) {
			await jobRepository;
			await copyIndex(join(places.books, "index"), join(places.root, ".git", "index"));
			return timings;
		}
	}
	throw await mismatch(places, wanted.tree, signal);
}

/** The proof of a worktree that is not in use, as far as it can be begun before the next tree is known. */
export function holdProof(places: WorktreePlaces): HeldStatus {
	return holdStatus({ trust: "own", directory: places.root, environment: environmentOf(places), refresh: true });
}

/** What `checkout` made for the job, with whatever the job made of it. */
export async function removeJobRepository(root: string): Promise<void> {
	const directory = join(root, ".git");
	if (lstatSync(directory, { throwIfNoEntry: false })) await rm(directory, { recursive: true, force: true });
}

/** The second round mends what stood in the way of the first, as a symbolic link in place of a directory. */
const roundsMax = 3;
const parallel = ["-c", "checkout.workers=0"];

function environmentOf(places: WorktreePlaces): Record<string, string> {
	return { GIT_DIR: places.books, GIT_WORK_TREE: places.root, GIT_OBJECT_DIRECTORY: places.objects };
}

/**
 * A few small files, at once: a promise for each takes longer than all of them.
 * @returns what was wanted last. A hint only: after a crash the index may be older, and then the proof, which compares
 * HEAD, index and files, fails.
 */
function prepareBooks({ books }: WorktreePlaces, commit: string): string | undefined {
	const head = join(books, "HEAD");
	const before = existsSync(head) ? readFileSync(head, "utf8").trim() : undefined;
	mkdirSync(join(books, "refs"), { recursive: true });
	rmSync(join(books, "index.lock"), { force: true });
	writeFileSync(head, `${commit}\n`);
	if (commit.length === 64) writeFileSync(join(books, "config"), sha256Config);
	return before;
}

const sha256Config = "[core]\n\trepositoryformatversion = 1\n[extensions]\n\tobjectFormat = sha256\n";

/** Untracked repositories go with all that is in them; directories that become empty go too. */
async function removeUntracked(root: string, entries: readonly StatusEntry[]): Promise<void> {
	for (const entry of entries) {
		if (entry.kind !== "untracked") continue;
		await rm(pathBytes(root, entry.path), { recursive: true, force: true });
		let parent = entry.path;
		while ((parent = dirname(parent)) !== ".") {
			const emptied = await rmdir(pathBytes(root, parent)).then(
				() => true,
				() => false,
			);
			if (!emptied) break;
		}
	}
}

/**
 * A repository for the job itself, in which `git status` is clean and `git rev-parse HEAD` the snapshot, once the index
 * is there. Made anew for each attempt and never read by us: also not by the proof, beside which it is made.
 */
async function writeJobRepository(places: WorktreePlaces, commit: string): Promise<void> {
	const directory = join(places.root, ".git");
	await Promise.all([mkdir(join(directory, "objects", "info"), { recursive: true }), mkdir(join(directory, "refs"), { recursive: true })]);
	await Promise.all([
		writeFile(join(directory, "HEAD"), `${commit}\n`),
		writeFile(join(directory, "config"), commit.length === 64 ? sha256Config : "[core]\n\trepositoryformatversion = 0\n"),
		writeFile(join(directory, "objects", "info", "alternates"), `${places.objects}\n`),
	]);
}

async function mismatch(places: WorktreePlaces, wanted: string, signal?: AbortSignal): Promise<CoveyError> {
	const index = join(places.books, "index.found");
	const environment = { ...environmentOf(places), GIT_INDEX_FILE: index };
	const call = { trust: "own", directory: places.root, environment, signal } as const;
	await rm(index, { force: true });
	await git({ ...call, arguments: ["add", "-A"] });
	const found = (await git({ ...call, arguments: ["write-tree"] })).toString("latin1").trim();
	await rm(index, { force: true });
	return new CoveyError("bad_snapshot", `the worktree ${places.root} holds tree ${found}, but ${wanted} is wanted`, {
		details: { found, wanted },
	});
}
