import { setTimeout as delay } from "node:timers/promises";

/** Time and waiting, passed in so that tests and the simulator can own it. */
export interface Clock {
	/** Milliseconds since 1970 that never go back within a process: wall time at the start, then monotonic. */
	now(): number;
	/** Monotonic milliseconds from an arbitrary start. */
	monotonic(): number;
	/** @throws the signal's reason when it aborts first. */
	sleep(ms: number, signal: AbortSignal): Promise<void>;
}

const origin = Date.now() - performance.now();

export const systemClock: Clock = {
	now: () => Math.floor(origin + performance.now()),
	monotonic: () => performance.now(),
	async sleep(ms, signal) {
		signal.throwIfAborted();
		try {
			await delay(ms, undefined, { signal });
		} catch (error) {
			signal.throwIfAborted();
			throw error;
		}
	},
};
