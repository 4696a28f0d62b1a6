import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { copyIndex } from "#host/git/copy-index.ts";
import { git } from "#host/git/git.ts";
import type { WorktreePlaces } from "./checkout.ts";

/**
 * What a job changed in its worktree, as a git patch against the tree that it was given: changed, new, removed and
 * renamed files that are not ignored, modes and binary contents too. Empty when nothing was. The books and the shared
 * objects stay as they are.
 *
 * @throws CoveyError `too_large` for a patch of more than `bytesMax`.
 */
export async function changesOf(
	places: WorktreePlaces,
	tree: string,
	options: { readonly bytesMax: number; readonly signal: AbortSignal },
): Promise<Buffer> {
	const scratch = await mkdtemp(join(tmpdir(), "covey-changes-"));
	try {
		const index = join(scratch, "index");
		await copyIndex(join(places.books, "index"), index);
		const environment = {
			GIT_DIR: places.books,
			GIT_WORK_TREE: places.root,
			GIT_INDEX_FILE: index,
			GIT_OBJECT_DIRECTORY: scratch,
			GIT_ALTERNATE_OBJECT_DIRECTORIES: places.objects,
		};
		const call = { trust: "own", directory: places.root, environment, signal: options.signal } as const;
		await git({ ...call, arguments: ["add", "-A"] });
		return await git({
			...call,
			arguments: ["diff-index", "--cached", "--binary", "--full-index", "--no-color", "--no-ext-diff", "--no-textconv", tree],
			outputBytesMax: options.bytesMax,
		});
	} finally {
		await rm(scratch, { recursive: true, force: true });
	}
}
