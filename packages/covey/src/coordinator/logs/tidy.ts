import { readdir, readFile, rename, rm, rmdir, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { constants, zstdCompress } from "node:zlib";
import { readEnding } from "./ending.ts";
import { logLimits } from "./limits.ts";
import { compressedSuffix, parseSegmentName } from "./paths.ts";
import { ifMissing } from "./segment.ts";

const compress = promisify(zstdCompress);

interface EndedLog {
	readonly directory: string;
	readonly endedAt: number;
	readonly bytes: number;
}

/**
 * Removes ended logs that are too old, then the oldest ended ones until all fit, then compresses what has rested a
 * while: one segment at a time, in the thread pool. Logs that have not ended are counted and left alone.
 */
export async function tidyLogs(
	options: { readonly directory: string; readonly now: number; readonly ageMsMax: number; readonly bytesMax: number },
	signal: AbortSignal,
): Promise<void> {
	const { directory, now, ageMsMax, bytesMax } = options;
	const ended: EndedLog[] = [];
	let total = 0;
	for await (const attempt of attemptDirectories(directory)) {
		signal.throwIfAborted();
		const bytes = await bytesOf(attempt);
		const ending = await readEnding(attempt);
		total += bytes;
		if (ending !== undefined) ended.push({ directory: attempt, endedAt: ending.endedAt, bytes });
	}
	ended.sort((a, b) => a.endedAt - b.endedAt);
	for (const log of ended) {
		signal.throwIfAborted();
		if (now - log.endedAt > ageMsMax || total > bytesMax) {
			await rm(log.directory, { recursive: true, force: true });
			total -= log.bytes;
		} else if (now - log.endedAt > logLimits.compressAfterMs) {
			await compressLog(log.directory, signal);
		}
	}
}

async function* attemptDirectories(root: string): AsyncGenerator<string> {
	for (const shard of await list(root)) {
		for (const task of await list(join(root, shard))) {
			const attempts = await list(join(root, shard, task));
			// Not `rm`: a log may begin there at this moment.
			if (attempts.length === 0) await rmdir(join(root, shard, task)).catch(() => {});
			for (const attempt of attempts) yield join(root, shard, task, attempt);
		}
	}
}

async function compressLog(directory: string, signal: AbortSignal): Promise<void> {
	for (const name of await list(directory)) {
		signal.throwIfAborted();
		if (parseSegmentName(name) === undefined || name.endsWith(compressedSuffix)) continue;
		const path = join(directory, name);
		const packed = await compress(await readFile(path), { params: { [constants.ZSTD_c_compressionLevel]: 3 } });
		await writeFile(`${path}.new`, packed, { flush: true });
		await rename(`${path}.new`, path + compressedSuffix);
		await rm(path);
	}
}

async function bytesOf(directory: string): Promise<number> {
	let bytes = 0;
	for (const name of await list(directory)) bytes += (await stat(join(directory, name)).catch(ifMissing({ size: 0 }))).size;
	return bytes;
}

function list(directory: string): Promise<string[]> {
	return readdir(directory).catch(ifMissing([]));
}
