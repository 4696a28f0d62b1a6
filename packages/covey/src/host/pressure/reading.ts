import { readFileSync } from "node:fs";
import { availableParallelism, freemem, loadavg, totalmem } from "node:os";

/** One look at the machine. Shares are 0..1. */
export interface PressureReading {
	/** Share of time in which some work waited for a core (PSI `some`); the load per core where there is no PSI. */
	readonly cpu: number;
	/** Share of time in which *all* work waited for a disk (PSI `full`); 0 where nobody counts. */
	readonly io: number;
	/** Share of time in which all work waited for memory; 0 where nobody counts. */
	readonly memory: number;
	/** Runnable and blocked processes per core, over the last minute. */
	readonly load: number;
	/** Share of memory that could be had without swapping; 1 where the system does not tell it. */
	readonly available: number;
}

/** Averages over ten seconds from Linux PSI (`/proc/pressure`); what the system offers elsewhere, or with `psi=0`. */
export function readPressure(directory = "/proc/pressure"): PressureReading {
	const load = (loadavg()[0] ?? 0) / availableParallelism();
	return {
		cpu: stalled(`${directory}/cpu`, "some") ?? Math.min(1, load),
		io: stalled(`${directory}/io`, "full") ?? 0,
		memory: stalled(`${directory}/memory`, "full") ?? 0,
		load,
		// Elsewhere, free memory does not count what the caches would give back.
		available: process.platform === "linux" ? freemem() / totalmem() : 1,
	};
}

function stalled(file: string, kind: "some" | "full"): number | undefined {
	try {
		const percent = new RegExp(`^${kind} avg10=([\\d.]+)`, "m").exec(readFileSync(file, "utf8"))?.[1];
		return percent === undefined ? undefined : Math.min(1, Number(percent) / 100);
	} catch {
		return undefined;
	}
}
