import { attemptKey, decodeFrame, type V2ToWorkerMessage } from "@covey/protocol";
import { logLimits } from "#coordinator/logs/limits.ts";
import type { AttemptLog } from "#coordinator/logs/log.ts";
import { linkLimits } from "./limits.ts";

interface Channel {
	readonly number: number;
	readonly task: string;
	readonly attempt: number;
	readonly log: AttemptLog;
	/** Received since the last acknowledgement, in bytes. */
	unacknowledged: number;
	acknowledging: boolean;
}

export interface OutputOptions {
	send(message: V2ToWorkerMessage): void;
	/** The disk is behind: take no more from this worker until it has caught up. */
	pause(): void;
	resume(): void;
}

/**
 * The output of one session: channels that the coordinator gave out, each to the log of an attempt that this session
 * holds. A frame is fenced by its channel: it is closed when the attempt is settled or lost, and what still comes is dropped.
 */
export class Output {
	readonly #options: OutputOptions;
	readonly #channels = new Map<number, Channel>();
	readonly #byAttempt = new Map<string, Channel>();
	#last = 0;
	#timer: NodeJS.Timeout | undefined;
	readonly #behind = new Set<AttemptLog>();

	constructor(options: OutputOptions) {
		this.#options = options;
	}

	/** @returns the channel's number; the same when the attempt has one. */
	open(task: string, attempt: number, log: AttemptLog): number {
		const key = attemptKey(task, attempt);
		const known = this.#byAttempt.get(key);
		if (known !== undefined) return known.number;
		const channel: Channel = { number: ++this.#last, task, attempt, log, unacknowledged: 0, acknowledging: false };
		this.#channels.set(channel.number, channel);
		this.#byAttempt.set(key, channel);
		return channel.number;
	}

	close(task: string, attempt: number): void {
		const channel = this.#byAttempt.get(attemptKey(task, attempt));
		if (channel === undefined) return;
		this.#channels.delete(channel.number);
		this.#byAttempt.delete(attemptKey(task, attempt));
	}

	closeAll(): void {
		clearTimeout(this.#timer);
		this.#timer = undefined;
		this.#channels.clear();
		this.#byAttempt.clear();
	}

	/** The log that an attempt of this session writes to. */
	log(task: string, attempt: number): AttemptLog | undefined {
		return this.#byAttempt.get(attemptKey(task, attempt))?.log;
	}

	/** @returns false for what no well-behaved worker sends: no frame at all, or a channel that was never given out. */
	receive(bytes: Uint8Array): boolean {
		const frame = decodeFrame(bytes);
		if (frame === undefined || frame.channel > this.#last || frame.channel < 1) return false;
		const channel = this.#channels.get(frame.channel);
		if (channel === undefined) return true;
		if (frame.attempt !== channel.attempt) return false;
		channel.log.append(frame);
		if (channel.log.queuedBytes > logLimits.queuedBytesMax) void this.#pushBack(channel.log);
		channel.unacknowledged += frame.length;
		if (channel.unacknowledged >= linkLimits.acknowledgeBytes) void this.#acknowledge(channel);
		else this.#timer ??= setTimeout(() => this.#acknowledgeAll(), linkLimits.acknowledgeMs);
		return true;
	}

	#acknowledgeAll(): void {
		this.#timer = undefined;
		for (const channel of this.#channels.values()) if (channel.unacknowledged > 0) void this.#acknowledge(channel);
	}

	async #acknowledge(channel: Channel): Promise<void> {
		if (channel.acknowledging) return;
		channel.acknowledging = true;
		channel.unacknowledged = 0;
		const { task, attempt, number } = channel;
		const offset = await channel.log.flush();
		channel.acknowledging = false;
		if (!this.#channels.has(number)) return;
		this.#options.send({ type: "acknowledge", task, attempt, offset });
		if (channel.unacknowledged > 0) this.#timer ??= setTimeout(() => this.#acknowledgeAll(), linkLimits.acknowledgeMs);
	}

	async #pushBack(log: AttemptLog): Promise<void> {
		if (this.#behind.has(log)) return;
		if (this.#behind.add(log).size === 1) this.#options.pause();
		await log.flush();
		this.#behind.delete(log);
		if (this.#behind.size === 0) this.#options.resume();
	}
}
