import { createHash } from "node:crypto";
import { mkdir, open, readdir, rename, rm, stat, utimes } from "node:fs/promises";
import { join } from "node:path";
import { CoveyError } from "@covey/protocol";
import { type Logger, silentLogger } from "#kit/logger.ts";
import type { Blobs } from "#ports/blobs.ts";

export interface DiskBlobsOptions {
	/** Holds `<first two digits>/<the rest>` per blob, `draft/` for what is being written, `damaged/` for what failed its check. One process at a time. */
	readonly directory: string;
	readonly logger?: Logger;
	/** Milliseconds since 1970; what use and age are counted by. */
	readonly now?: () => number;
}

/**
 * Blobs as files. **A `put` that has resolved survives** the end of the process and loss of power: the file and the
 * directory entry are synced before. A blob is written under another name and renamed when it is whole and proved, so
 * half of one is never seen. When it was last used is the file's modification time.
 */
export async function openDiskBlobs(options: DiskBlobsOptions): Promise<Blobs> {
	const { directory } = options;
	await rm(join(directory, "draft"), { recursive: true, force: true });
	await mkdir(join(directory, "draft"), { recursive: true, mode: 0o700 });
	return new DiskBlobs(directory, options.logger ?? silentLogger, options.now ?? Date.now);
}

const digestPattern = /^[0-9a-f]{64}$/;
/** Use within this time of the last is not noted again. */
const touchEveryMs = 60_000;

class DiskBlobs implements Blobs {
	readonly #directory: string;
	readonly #logger: Logger;
	readonly #now: () => number;
	#drafts = 0;

	constructor(directory: string, logger: Logger, now: () => number) {
		this.#directory = directory;
		this.#logger = logger;
		this.#now = now;
	}

	async put(
		digest: string,
		content: AsyncIterable<Uint8Array>,
		{ bytesMax, signal }: { readonly bytesMax: number; readonly signal: AbortSignal },
	): Promise<{ readonly bytes: number; readonly created: boolean }> {
		const path = this.#pathOf(digest);
		signal.throwIfAborted();
		const created = !(await this.has(digest));
		const draft = join(this.#directory, "draft", `${digest}.${++this.#drafts}`);
		try {
			const bytes = await writeProved(digest, content, { draft, bytesMax, signal });
			await mkdir(join(path, ".."), { recursive: true, mode: 0o700 });
			await rename(draft, path);
			await syncPath(join(path, ".."));
			await this.#touch(path);
			return { bytes, created };
		} catch (error) {
			await rm(draft, { force: true });
			throw isFull(error) ? new CoveyError("store_full", `no space left for blobs in ${this.#directory}`, { cause: error }) : error;
		}
	}

	async get(digest: string): Promise<{ readonly bytes: number; readonly content: AsyncIterable<Uint8Array> } | undefined> {
		const path = this.#pathOf(digest);
		const facts = await stat(path).catch(absent);
		if (!facts) return undefined;
		if (this.#now() - facts.mtimeMs > touchEveryMs) await this.#touch(path);
		return { bytes: facts.size, content: this.#readProved(digest, path) };
	}

	async has(digest: string): Promise<boolean> {
		return (await stat(this.#pathOf(digest)).catch(absent)) !== undefined;
	}

	async trim({
		bytesMax,
		minAgeMs,
	}: {
		readonly bytesMax: number;
		readonly minAgeMs: number;
	}): Promise<{ readonly removed: number; readonly bytes: number }> {
		const blobs = (await this.#list()).sort((a, b) => a.usedAt - b.usedAt);
		let bytes = blobs.reduce((sum, blob) => sum + blob.bytes, 0);
		let removed = 0;
		const youngest = this.#now() - minAgeMs;
		for (const blob of blobs) {
			if (bytes <= bytesMax || blob.usedAt > youngest) break;
			const { mtimeMs = 0 } = (await stat(blob.path).catch(absent)) ?? {};
			if (mtimeMs > youngest) continue;
			await rm(blob.path, { force: true });
			bytes -= blob.bytes;
			removed++;
		}
		return { removed, bytes };
	}

	async [Symbol.asyncDispose](): Promise<void> {}

	/** Opened by the first read, so that content nobody reads holds no file. */
	async *#readProved(digest: string, path: string): AsyncIterable<Uint8Array> {
		const file = await open(path).catch(absent);
		if (!file) throw new CoveyError("not_found", `the blob ${digest} has been dropped`);
		const hash = createHash("sha256");
		for await (const chunk of file.createReadStream({ highWaterMark: 256 * 1024 }) as AsyncIterable<Uint8Array>) {
			hash.update(chunk);
			yield chunk;
		}
		if (hash.digest("hex") === digest) return;
		await mkdir(join(this.#directory, "damaged"), { recursive: true });
		await rename(path, join(this.#directory, "damaged", digest)).catch(absent);
		this.#logger.error("a blob on disk is damaged; it was set aside", { digest, directory: this.#directory });
		throw new CoveyError("internal", `the blob ${digest} is damaged on disk`, { hint: "it was set aside; upload it again" });
	}

	async #list(): Promise<{ path: string; bytes: number; usedAt: number }[]> {
		const found: { path: string; bytes: number; usedAt: number }[] = [];
		for (const prefix of await readdir(this.#directory)) {
			if (!/^[0-9a-f]{2}$/.test(prefix)) continue;
			for (const name of await readdir(join(this.#directory, prefix))) {
				const path = join(this.#directory, prefix, name);
				const facts = await stat(path).catch(absent);
				if (facts) found.push({ path, bytes: facts.size, usedAt: facts.mtimeMs });
			}
		}
		return found;
	}

	async #touch(path: string): Promise<void> {
		const at = this.#now() / 1000;
		await utimes(path, at, at).catch(absent);
	}

	#pathOf(digest: string): string {
		if (!digestPattern.test(digest)) throw new CoveyError("bad_request", `"${digest.slice(0, 80)}" is not a SHA-256 digest in hex`);
		return join(this.#directory, digest.slice(0, 2), digest.slice(2));
	}
}

/** Writes the content to `draft`, synced. @returns its bytes. @throws as `put`; the draft may be left behind. */
async function writeProved(
	digest: string,
	content: AsyncIterable<Uint8Array>,
	{ draft, bytesMax, signal }: { readonly draft: string; readonly bytesMax: number; readonly signal: AbortSignal },
): Promise<number> {
	const hash = createHash("sha256");
	let bytes = 0;
	await using file = await open(draft, "wx", 0o600);
	for await (const chunk of content) {
		signal.throwIfAborted();
		bytes += chunk.length;
		if (bytes > bytesMax) throw new CoveyError("too_large", `the content is over ${bytesMax} bytes`);
		hash.update(chunk);
		await file.writeFile(chunk);
	}
	signal.throwIfAborted();
	const seen = hash.digest("hex");
	if (seen !== digest) throw new CoveyError("bad_request", `the content has the digest ${seen}, not ${digest}`);
	await file.sync();
	return bytes;
}

async function syncPath(directory: string): Promise<void> {
	await using handle = await open(directory, "r");
	await handle.sync();
}

function isFull(error: unknown): boolean {
	const { code } = (error ?? {}) as { code?: string };
	return code === "ENOSPC" || code === "EDQUOT";
}

/** For `catch`: what is not there is undefined. @throws anything else. */
function absent(error: unknown): undefined {
	if ((error as { code?: string }).code !== "ENOENT") throw error;
}
