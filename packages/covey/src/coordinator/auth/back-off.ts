import { authLimits } from "#coordinator/limits.ts";

interface Source {
	failures: number;
	/** Before this time further failures are answered with `too_many`. */
	until: number;
	lastAt: number;
}

/**
 * Slows down whoever shows wrong tokens, by source address: some are free, then the wait doubles. A right token is
 * never made to wait, so nobody can lock out others behind the same address (on loopback that is everybody); what
 * keeps guessers out is that a secret has 256 bits.
 */
export class BackOff {
	readonly #sources = new Map<string, Source>();
	readonly #now: () => number;

	constructor(now: () => number) {
		this.#now = now;
	}

	/** Counts a wrong token. @returns how long this source has to wait, in ms; 0: not yet. */
	fail(address: string): number {
		const now = this.#now();
		const source = this.#find(address, now);
		const waitMs = source.until - now;
		source.lastAt = now;
		if (waitMs > 0) return waitMs;
		source.failures++;
		const over = source.failures - authLimits.freeFailures;
		if (over < 0) return 0;
		source.until = now + Math.min(authLimits.firstWaitMs * 2 ** over, authLimits.waitMsMax);
		return 0;
	}

	succeed(address: string): void {
		this.#sources.delete(address);
	}

	#find(address: string, now: number): Source {
		const known = this.#sources.get(address);
		// Moved to the end, so that the first is always the one heard of longest ago.
		this.#sources.delete(address);
		const source = known && now - known.lastAt < authLimits.forgetMs ? known : { failures: 0, until: 0, lastAt: now };
		this.#sources.set(address, source);
		if (this.#sources.size > authLimits.sourcesMax) this.#sources.delete(this.#sources.keys().next().value!);
		return source;
	}
}
