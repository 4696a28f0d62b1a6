/** A read of so much found the pipe well filled: that writer is ahead of us, and is not kept waiting. */
const fullBytes = 16 * 1024;
/** Reads that follow one another within this time belong to one stretch. */
const stretchMs = 1;
/** So many small reads in one stretch are a stream of lines, and not a few words that somebody waits for. */
const smallReadsMax = 16;

/** How long a reader rests when `Pace` says so: the pipe, of 64 KiB, gathers meanwhile. */
export const restMs = 1;

/**
 * When to leave a pipe alone for a moment. Whoever writes line by line is read line by line by a reader that is as fast:
 * a wake-up, a system call and a buffer for 80 bytes. Read a little later, hundreds of lines cost as much as one.
 */
export class Pace {
	#smallReads = 0;
	#readAt = Number.NEGATIVE_INFINITY;

	/** @returns whether to rest before the next read, after one of `bytes` that was done with at `now`, in milliseconds. */
	rests(bytes: number, now: number): boolean {
		// A rest is part of its stretch.
		const follows = now - this.#readAt <= stretchMs + (this.#smallReads >= smallReadsMax ? 2 * restMs : 0);
		this.#smallReads = bytes < fullBytes && follows ? this.#smallReads + 1 : 0;
		this.#readAt = now;
		return this.#smallReads >= smallReadsMax;
	}
}
