import { copyFile, stat, utimes } from "node:fs/promises";

/**
 * Copies an index together with its time. Git trusts an entry's time stamps only if they are older than the index
 * itself, and compares contents otherwise; in a copy that looks younger than its original, a file that was edited in
 * the second of the last `git add` would pass for unchanged.
 * @returns false when there is none: a repository without a single `git add`.
 */
export async function copyIndex(from: string, to: string): Promise<boolean> {
	try {
		// First the time: if the original is replaced in between, the copy looks too old, which costs comparisons only.
		const { mtimeMs } = await stat(from);
		await copyFile(from, to);
		const seconds = Math.floor(mtimeMs / 1000);
		await utimes(to, seconds, seconds);
		return true;
	} catch (error) {
		if ((error as NodeJS.ErrnoException).code === "ENOENT") return false;
		throw error;
	}
}
