import { existsSync } from "node:fs";
import { join } from "node:path";
import { noSpace } from "./git.ts";
import { type GitObject, loosePath, writeLooseObjects } from "./object.ts";
import { openObjectLookup } from "./object-lookup.ts";
import { decodePack } from "./small-pack.ts";
import { orderSoundObjects } from "./small-pack-check.ts";

/**
 * Does at once what `unpack` has git do, for a small pack of whole objects. With `strict` its soundness must be beyond
 * doubt, and an object is there only when all that it refers to is; what has been written is then on disk, too.
 *
 * @param want must be among the objects.
 * @returns false, and nothing was done: it is for git to read, and to judge. @throws CoveyError `store_full`.
 */
export async function unpackSmall(
	directory: string,
	pack: Buffer,
	{ want, strict }: { readonly want: string; readonly strict: boolean },
): Promise<boolean> {
	const objects = join(directory, "objects");
	const decoded = decodePack(pack, want.length);
	if (!decoded?.some(({ id }) => id === want)) return false;
	const sound = strict ? soundIn(objects, decoded, want.length) : decoded;
	if (!sound) return false;
	const missing = sound.filter(({ id }) => !existsSync(loosePath(objects, id)));
	await writeLooseObjects(objects, missing, { flush: strict }).catch((error: NodeJS.ErrnoException) => {
		throw error.code === "ENOSPC" ? noSpace(directory) : error;
	});
	return true;
}

function soundIn(objects: string, decoded: readonly GitObject[], idLength: number): readonly GitObject[] | undefined {
	try {
		using lookup = openObjectLookup(objects, idLength);
		return orderSoundObjects(decoded, lookup);
	} catch {
		// A file that vanished or cannot be read is git's to explain.
		return undefined;
	}
}
