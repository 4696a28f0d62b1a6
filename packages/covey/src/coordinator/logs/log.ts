import type { OutputFrame } from "@covey/protocol/frames";

/**
 * The output of attempts, on disk: neither in the journal nor in memory.
 *
 * One attempt is one space of offsets over both its streams, made of output frames and gaps without a hole. What is
 * `written` was handed to the operating system: it survives the death of this process, and of the machine once the
 * log has ended and was synced. A worker keeps what is not acknowledged, so a torn tail is cut off and sent again.
 *
 * All calls may be made at any time and concurrently; a log has one writer, the holder of the attempt's lease.
 */
export interface Logs {
	/** The log of a live attempt, to append to; the same object until it is finished. Recovers what is on disk first. */
	open(task: string, attempt: number): Promise<AttemptLog>;

	/** A fresh log, of an attempt that nobody has had yet: the disk is not looked at. */
	begin(task: string, attempt: number): AttemptLog;

	/** The open log, or a fresh one when nothing of the attempt is on disk; undefined: it has to be opened. */
	create(task: string, attempt: number): AttemptLog | undefined;

	/**
	 * Frames from `offset` on, the first one cut to begin there; channel 0. Pull-driven: a reader that stops pulling costs
	 * a file handle and no memory. With `follow` it goes on until the log is finished, so follow only live attempts.
	 * Frames share memory with others: do not write into them. @throws the signal's reason.
	 */
	read(
		task: string,
		attempt: number,
		options: { readonly offset: number; readonly follow: boolean; readonly signal: AbortSignal },
	): AsyncIterable<OutputFrame>;

	/** Where a log ends now, and whether that is its last word. One that is neither open nor on disk is complete at 0. */
	end(task: string, attempt: number): Promise<LogEnd>;

	/** No more will come: followers reach their end, the files are synced and marked in the background. */
	finish(task: string, attempt: number): Promise<void>;

	/** Deletes the logs of all attempts of a task that has ended. */
	remove(task: string): Promise<void>;

	/** One round of compression and retention. */
	tidy(signal: AbortSignal): Promise<void>;
}

export interface LogEnd {
	readonly offset: number;
	readonly complete: boolean;
}

export interface AttemptLog {
	/**
	 * Takes a frame over. What lies before `end` is known already and is ignored; when it begins beyond `end`, the bytes
	 * between are marked as a gap. Never waits: look at `queuedBytes`.
	 */
	append(frame: OutputFrame): void;
	/** Offset after the last byte appended. */
	readonly end: number;
	/** Offset up to which everything was handed to the system. */
	readonly written: number;
	/** Appended and not yet written; above `logLimits.queuedBytesMax` the caller must wait for `flush`. */
	readonly queuedBytes: number;
	/** Resolves with `written` when all that was appended before the call is written. */
	flush(): Promise<number>;
}
