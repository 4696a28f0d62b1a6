import { existsSync } from "node:fs";
import { mkdir, rm, stat, truncate } from "node:fs/promises";
import { join } from "node:path";
import type { Clock } from "#kit/clock.ts";
import type { Logger } from "#kit/logger.ts";
import type { Service } from "#kit/service.ts";
import { OpenLog } from "./attempt-log.ts";
import { readEnding, writeEnding } from "./ending.ts";
import { logLimits } from "./limits.ts";
import type { Logs } from "./log.ts";
import { attemptDirectory, compressedSuffix, segmentName, taskDirectory } from "./paths.ts";
import { readClosedLog, readOpenLog } from "./reading.ts";
import { ifMissing, listSegments, readSegment, type Segment } from "./segment.ts";
import { tidyLogs } from "./tidy.ts";

export interface LogsOptions {
	readonly directory: string;
	readonly clock: Clock;
	readonly logger: Logger;
	readonly ageMsMax?: number;
	readonly bytesMax?: number;
	readonly attemptBytesMax?: number;
}

/**
 * Logs in segment files below `directory`, which this process alone writes. As a service it compresses and removes
 * old ones in the background; `stop` finishes nothing, it closes: an attempt that goes on is recovered by the next start.
 */
export function createLogs(options: LogsOptions): Logs & Service {
	const { directory: root, clock, logger } = options;
	const common = { bytesMax: options.attemptBytesMax ?? logLimits.attemptBytesMax, logger };
	const open = new Map<string, OpenLog>();
	const opening = new Map<string, Promise<OpenLog>>();
	const stopping = new AbortController();
	let tidying: Promise<void> = Promise.resolve();

	const fresh = (key: string, log: OpenLog) => {
		if (!log.finished) open.set(key, log);
		return log;
	};

	const begin = (key: string, directory: string, attempt: number) =>
		fresh(key, new OpenLog({ directory, attempt, segments: [], end: 0, stored: 0, ...common }));

	const logs: Logs = {
		begin: (task, attempt) => {
			const key = keyOf(task, attempt);
			return open.get(key) ?? begin(key, attemptDirectory(root, task, attempt), attempt);
		},

		create(task, attempt) {
			const key = keyOf(task, attempt);
			const known = open.get(key);
			if (known !== undefined) return known;
			const directory = attemptDirectory(root, task, attempt);
			if (opening.has(key) || existsSync(directory)) return undefined;
			return begin(key, directory, attempt);
		},

		async open(task, attempt) {
			const key = keyOf(task, attempt);
			const known = logs.create(task, attempt) ?? opening.get(key);
			if (known !== undefined) return known;
			const recovery = recover(attemptDirectory(root, task, attempt), attempt, common);
			opening.set(key, recovery);
			try {
				return fresh(key, await recovery);
			} finally {
				opening.delete(key);
			}
		},

		async *read(task, attempt, read) {
			const log = read.follow ? await logs.open(task, attempt) : open.get(keyOf(task, attempt));
			if (log !== undefined) {
				yield* readOpenLog(log as OpenLog, read);
				return;
			}
			const directory = attemptDirectory(root, task, attempt);
			const ending = await readEnding(directory);
			yield* readClosedLog(directory, attempt, ending?.end ?? 0, read);
		},

		async end(task, attempt) {
			const log = open.get(keyOf(task, attempt));
			if (log !== undefined) return { offset: log.end, complete: log.finished };
			const directory = attemptDirectory(root, task, attempt);
			const ending = await readEnding(directory);
			if (ending !== undefined) return { offset: ending.end, complete: true };
			if (!existsSync(directory)) return { offset: 0, complete: true };
			return { offset: (await scan(directory, await listSegments(directory))).end, complete: false };
		},

		async finish(task, attempt) {
			const key = keyOf(task, attempt);
			const log = (logs.create(task, attempt) as OpenLog | undefined) ?? ((await logs.open(task, attempt)) as OpenLog);
			if (log.finished) return;
			log.finish();
			await log.close();
			if (log.end > 0)
				await end(log, clock.now()).catch((error: unknown) => logger.warn("a log could not be marked as ended", { task, error }));
			open.delete(key);
		},

		async remove(task) {
			for (const [key, log] of open) {
				if (!key.startsWith(`${task}.`)) continue;
				log.finish();
				await log.close();
				open.delete(key);
			}
			await rm(taskDirectory(root, task), { recursive: true, force: true });
		},

		async tidy(signal) {
			await tidyLogs(
				{
					directory: root,
					now: clock.now(),
					ageMsMax: options.ageMsMax ?? logLimits.ageMsMax,
					bytesMax: options.bytesMax ?? logLimits.bytesMax,
				},
				signal,
			);
		},
	};

	async function tidyForEver(signal: AbortSignal): Promise<void> {
		while (!signal.aborted) {
			await clock.sleep(logLimits.tidyEveryMs, signal).catch(() => {});
			if (signal.aborted) return;
			await logs.tidy(signal).catch((error: unknown) => signal.aborted || logger.warn("old logs could not be tidied", { error }));
		}
	}

	const stop = async () => {
		stopping.abort(new Error("the logs are closing"));
		await tidying;
		for (const log of open.values()) {
			log.finish();
			await log.close();
		}
		open.clear();
	};

	return {
		...logs,
		async start(signal) {
			signal.throwIfAborted();
			await mkdir(root, { recursive: true });
			tidying = tidyForEver(stopping.signal);
		},
		stop,
		[Symbol.asyncDispose]: stop,
	};
}

function keyOf(task: string, attempt: number): string {
	return `${task}.${attempt}`;
}

async function end(log: OpenLog, endedAt: number): Promise<void> {
	await mkdir(log.directory, { recursive: true });
	await writeEnding(log.directory, { end: log.end, endedAt });
}

/** Finds the end of a log that a process before this one wrote, and cuts off a torn tail. */
async function recover(
	directory: string,
	attempt: number,
	common: { readonly bytesMax: number; readonly logger: Logger },
): Promise<OpenLog> {
	const found = await listSegments(directory);
	const ending = await readEnding(directory);
	const { end, lastBytes } = await scan(directory, found);
	const sizes = await Promise.all(found.map((segment) => sizeOf(directory, segment)));
	const segments = found.map((segment, index) => {
		const bytes = index === found.length - 1 ? lastBytes : sizes[index]!;
		return { first: segment.first, bytes, written: bytes };
	});
	const last = segments.at(-1);
	if (last !== undefined && ending === undefined) await truncate(join(directory, segmentName(last.first)), last.bytes);
	const stored = segments.reduce((sum, segment) => sum + segment.bytes, 0);
	const log = new OpenLog({ directory, attempt, segments, end: Math.max(end, ending?.end ?? 0), stored, ...common });
	log.finished = ending !== undefined;
	return log;
}

/** Reads the last segment: where its last whole record ends, in the file and in the log. */
async function scan(directory: string, segments: readonly Segment[]): Promise<{ end: number; lastBytes: number }> {
	const last = segments.at(-1);
	let end = last?.first ?? 0;
	let lastBytes = 0;
	if (last === undefined) return { end, lastBytes };
	for await (const { frame, position, bytes } of readSegment(directory, last)) {
		end = frame.offset + frame.length;
		lastBytes = position + bytes;
	}
	return { end, lastBytes };
}

/** Compressed ones count as they are: they belong to a log that has ended. */
async function sizeOf(directory: string, segment: Segment): Promise<number> {
	const path = join(directory, segmentName(segment.first));
	const plain = await stat(path).catch(ifMissing(undefined));
	return (plain ?? (await stat(path + compressedSuffix))).size;
}
