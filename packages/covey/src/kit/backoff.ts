/**
 * Waiting times between tries: a random point in a window that doubles from `firstMs` to `maxMs` (full jitter, as in
 * the AWS Architecture Blog, 2015), so that a fleet that lost its coordinator does not come back in step.
 */
export interface Backoff {
	/** The next wait in milliseconds. */
	next(): number;
	/** After a success. */
	reset(): void;
}

export function createBackoff(options: { readonly firstMs: number; readonly maxMs: number; readonly random: () => number }): Backoff {
	let windowMs = options.firstMs;
	return {
		next() {
			const wait = Math.ceil(options.random() * windowMs);
			windowMs = Math.min(windowMs * 2, options.maxMs);
			return wait;
		},
		reset() {
			windowMs = options.firstMs;
		},
	};
}
