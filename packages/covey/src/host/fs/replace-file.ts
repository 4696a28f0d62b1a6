import { rename, writeFile } from "node:fs/promises";

/** Tells this process, and this thread of it, from others. */
const writer = `${process.pid}-${Math.random().toString(36).slice(2, 8)}`;
let made = 0;

/** A name beside `path`, for what will be renamed to it: no process and no other call of this one has the same. */
export function draftOf(path: string): string {
	return `${path}.${writer}-${made++}`;
}

/** Whoever reads sees the old content, the new, or nothing, and never a part. Many may write at once: the last one stays. */
export async function replaceFile(path: string, text: string, options: { readonly mode?: number } = {}): Promise<void> {
	const draft = draftOf(path);
	await writeFile(draft, text, options);
	await rename(draft, path);
}
