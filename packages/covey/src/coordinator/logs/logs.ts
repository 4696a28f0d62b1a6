import { existsSync } from "node:fs";
import { mkdir, rm } from "node:fs/promises";
import type { OutputFrame } from "@covey/protocol/frames";
import type { Clock } from "#kit/clock.ts";
import type { Logger } from "#kit/logger.ts";
import type { Service } from "#kit/service.ts";
import { OpenLog } from "./attempt-log.ts";
import { readEnding, writeEnding } from "./ending.ts";
import { logLimits } from "./limits.ts";
import type { LogEnd, Logs } from "./log.ts";
import { attemptDirectory, taskDirectory } from "./paths.ts";
import { type ReadOptions, readClosedLog, readOpenLog } from "./reading.ts";
import { recoverLog, scanLog } from "./recovery.ts";
import { listSegments } from "./segment.ts";
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
	return new FileLogs(options);
}

class FileLogs implements Logs, Service {
	readonly #root: string;
	readonly #options: LogsOptions;
	/** What each log takes. */
	readonly #common: { readonly bytesMax: number; readonly logger: Logger };
	readonly #open = new Map<string, OpenLog>();
	readonly #opening = new Map<string, Promise<OpenLog>>();
	readonly #stopping = new AbortController();
	#tidying: Promise<void> = Promise.resolve();

	constructor(options: LogsOptions) {
		this.#root = options.directory;
		this.#options = options;
		this.#common = { bytesMax: options.attemptBytesMax ?? logLimits.attemptBytesMax, logger: options.logger };
	}

	async start(signal: AbortSignal): Promise<void> {
		signal.throwIfAborted();
		await mkdir(this.#root, { recursive: true });
		this.#tidying = this.#tidyForEver(this.#stopping.signal);
	}

	async stop(): Promise<void> {
		this.#stopping.abort(new Error("the logs are closing"));
		await this.#tidying;
		for (const log of this.#open.values()) {
			log.finish();
			await log.close();
		}
		this.#open.clear();
	}

	[Symbol.asyncDispose](): Promise<void> {
		return this.stop();
	}

	begin(task: string, attempt: number): OpenLog {
		const key = keyOf(task, attempt);
		const directory = attemptDirectory(this.#root, task, attempt);
		return this.#open.get(key) ?? this.#keep(key, new OpenLog({ directory, attempt, segments: [], end: 0, stored: 0, ...this.#common }));
	}

	create(task: string, attempt: number): OpenLog | undefined {
		const key = keyOf(task, attempt);
		const isNew = () => !this.#opening.has(key) && !existsSync(attemptDirectory(this.#root, task, attempt));
		return this.#open.has(key) || isNew() ? this.begin(task, attempt) : undefined;
	}

	async open(task: string, attempt: number): Promise<OpenLog> {
		const key = keyOf(task, attempt);
		const known = this.create(task, attempt) ?? this.#opening.get(key);
		if (known !== undefined) return known;
		const recovery = recoverLog(attemptDirectory(this.#root, task, attempt), attempt, this.#common);
		this.#opening.set(key, recovery);
		try {
			return this.#keep(key, await recovery);
		} finally {
			this.#opening.delete(key);
		}
	}

	async *read(task: string, attempt: number, read: ReadOptions): AsyncGenerator<OutputFrame> {
		const log = read.follow ? await this.open(task, attempt) : this.#open.get(keyOf(task, attempt));
		if (log !== undefined) {
			yield* readOpenLog(log, read);
			return;
		}
		const directory = attemptDirectory(this.#root, task, attempt);
		const ending = await readEnding(directory);
		yield* readClosedLog(directory, attempt, ending?.end ?? 0, read);
	}

	async end(task: string, attempt: number): Promise<LogEnd> {
		const log = this.#open.get(keyOf(task, attempt));
		if (log !== undefined) return { offset: log.end, complete: log.finished };
		const directory = attemptDirectory(this.#root, task, attempt);
		const ending = await readEnding(directory);
		if (ending !== undefined) return { offset: ending.end, complete: true };
		if (!existsSync(directory)) return { offset: 0, complete: true };
		return { offset: (await scanLog(directory, await listSegments(directory))).end, complete: false };
	}

	async finish(task: string, attempt: number): Promise<void> {
		const { clock, logger } = this.#options;
		const log = this.create(task, attempt) ?? (await this.open(task, attempt));
		if (log.finished) return;
		log.finish();
		await log.close();
		if (log.end > 0)
			await markEnd(log, clock.now()).catch((error: unknown) => logger.warn("a log could not be marked as ended", { task, error }));
		this.#open.delete(keyOf(task, attempt));
	}

	async remove(task: string): Promise<void> {
		for (const [key, log] of this.#open) {
			if (!key.startsWith(`${task}.`)) continue;
			log.finish();
			await log.close();
			this.#open.delete(key);
		}
		await rm(taskDirectory(this.#root, task), { recursive: true, force: true });
	}

	async tidy(signal: AbortSignal): Promise<void> {
		const { clock, ageMsMax = logLimits.ageMsMax, bytesMax = logLimits.bytesMax } = this.#options;
		await tidyLogs({ directory: this.#root, now: clock.now(), ageMsMax, bytesMax }, signal);
	}

	/** A finished one is for its reader alone. */
	#keep(key: string, log: OpenLog): OpenLog {
		if (!log.finished) this.#open.set(key, log);
		return log;
	}

	async #tidyForEver(signal: AbortSignal): Promise<void> {
		const { clock, logger } = this.#options;
		while (!signal.aborted) {
			await clock.sleep(logLimits.tidyEveryMs, signal).catch(() => {});
			if (signal.aborted) return;
			await this.tidy(signal).catch((error: unknown) => signal.aborted || logger.warn("old logs could not be tidied", { error }));
		}
	}
}

function keyOf(task: string, attempt: number): string {
	return `${task}.${attempt}`;
}

async function markEnd(log: OpenLog, endedAt: number): Promise<void> {
	await mkdir(log.directory, { recursive: true });
	await writeEnding(log.directory, { end: log.end, endedAt });
}
