import type { Random } from "./random.ts";

/** Which misfortunes a seed has, and how often. Drawn per seed, so that combinations differ widely (swarm testing). */
export interface Weather {
	/** Chance per message that it is lost or doubled although the connection lives. */
	readonly dropMessage: number;
	readonly doubleMessage: number;
	/** Mean milliseconds between breaks of one connection; 0: never. */
	readonly breakEveryMs: number;
	/** A worker cannot reach the coordinator for a while, this often; 0: never. */
	readonly cutEveryMs: number;
	readonly workerCrashEveryMs: number;
	readonly coordinatorCrashEveryMs: number;
	/** Chance that a crash of the coordinator falls between two effects of a batch rather than between batches. */
	readonly crashAtEffect: number;
	readonly diskFaultEvery: number;
	readonly sleepEveryMs: number;
	/** The wall clock of a restarted coordinator is off by up to this. */
	readonly clockJumpMs: number;
	/** A second process with a worker's identity appears this often; 0: never. */
	readonly twinEveryMs: number;
	readonly drainEveryMs: number;
	readonly cancelChance: number;
	/** Workers admit no more work for a while, this often; 0: never. */
	readonly pressureEveryMs: number;
	/** Workers are revoked and enrol with another key, this often; 0: never. */
	readonly revokeEveryMs: number;
	/** Clients hand in more than the fleet can do, all of it alike. */
	readonly flood: boolean;
}

const minute = 60_000;

export function drawWeather(random: Random): Weather {
	const often = (probability: number, low: number, high: number) => (random.chance(probability) ? random.between(low, high) : 0);
	return {
		dropMessage: random.chance(0.3) ? random.next() * 0.1 : 0,
		doubleMessage: random.chance(0.3) ? random.next() * 0.1 : 0,
		breakEveryMs: often(0.7, minute / 3, 20 * minute),
		cutEveryMs: often(0.5, minute, 20 * minute),
		workerCrashEveryMs: often(0.6, minute, 30 * minute),
		coordinatorCrashEveryMs: often(0.6, minute, 30 * minute),
		crashAtEffect: random.next(),
		diskFaultEvery: often(0.4, 20, 400),
		sleepEveryMs: often(0.4, 2 * minute, 30 * minute),
		clockJumpMs: often(0.4, 1000, 60 * minute),
		twinEveryMs: often(0.25, 2 * minute, 30 * minute),
		drainEveryMs: often(0.4, minute, 20 * minute),
		cancelChance: random.chance(0.7) ? random.next() * 0.4 : 0,
		pressureEveryMs: often(0.4, minute, 20 * minute),
		revokeEveryMs: often(0.2, 2 * minute, 30 * minute),
		flood: random.chance(0.2),
	};
}
