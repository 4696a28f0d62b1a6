import type { Pressure } from "@covey/protocol";
import { type PressureReading, readPressure } from "./reading.ts";

/**
 * When a machine asks for no further work, and when it asks again. Between the two it stays as it was, so that one job
 * more or less does not make it flap.
 *
 * A full queue for the cores is normal for builds and only makes them slower, so it takes four waiting for each core.
 * Disk and memory are different: with *everything* waiting for them, another job makes all of them stop (two builds and
 * seven agents stood at cpu ≈ 0 and io `full` = 66 %), and the next one is killed for want of memory.
 */
const thresholds: readonly { readonly of: keyof PressureReading; readonly closes: number; readonly opens: number }[] = [
	{ of: "load", closes: 4, opens: 3 },
	{ of: "io", closes: 0.4, opens: 0.2 },
	{ of: "memory", closes: 0.1, opens: 0.05 },
	// Lower is worse here: it closes under 5 % and opens over 10 %.
	{ of: "available", closes: 0.05, opens: 0.1 },
];

/** Remembers whether it admitted last. */
export interface PressureGauge {
	/** A few reads of `/proc`: call it every few seconds, not per message. */
	sample(): Pressure;
}

export function createPressureGauge(read: () => PressureReading = readPressure): PressureGauge {
	let admits = true;
	return {
		sample() {
			const reading = read();
			const limit = admits ? "closes" : "opens";
			admits = thresholds.every((row) => (row.closes < row.opens ? reading[row.of] > row[limit] : reading[row.of] < row[limit]));
			return { cpu: reading.cpu, io: reading.io, memory: reading.memory, admits };
		},
	};
}
