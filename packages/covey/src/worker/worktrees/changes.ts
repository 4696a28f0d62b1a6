import { lstat, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CoveyError } from "@covey/protocol/errors";
import { copyIndex } from "#host/git/copy-index.ts";
import { git } from "#host/git/git.ts";
import { pathBytes, readStatus } from "#host/git/status.ts";
import type { WorktreePlaces } from "./checkout.ts";

/** A patch is compressed; what it is made from is written to disk before. */
const filesPerPatch = 4;

/**
 * What a job changed in its worktree, as a git patch against the tree that it was given: changed, new, removed and
 * renamed files that are not ignored, modes and binary contents too. Empty when nothing was. The books and the shared
 * objects stay as they are.
 *
 * @throws CoveyError `too_large` for a patch of more than `bytesMax`, or files of more than four times as much.
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
		await checkSizes(call, places.root, filesPerPatch * options.bytesMax);
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

/** What git would write down is looked at before it does: there is no end to what a job can leave behind. */
async function checkSizes(call: Parameters<typeof readStatus>[0] & { readonly signal: AbortSignal }, root: string, bytesMax: number) {
	let bytes = 0;
	for (const { path, kind } of (await readStatus(call)).entries) {
		if (kind === "deleted") continue;
		const facts = await lstat(pathBytes(root, path)).catch(() => undefined);
		bytes += facts?.size ?? 0;
		if (bytes > bytesMax)
			throw new CoveyError(
				"too_large",
				`the files that were changed or made and are not ignored are larger than ${bytesMax} bytes together`,
			);
	}
	call.signal.throwIfAborted();
}
