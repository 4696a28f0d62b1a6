import { readFileSync } from "node:fs";
import type { ResourceLimits } from "./control-group.ts";
import { residentBytes } from "./table.ts";

/** Looks at a tree from time to time: what it has used at most, and whether it went over limits that no controller holds. */
export interface ResourceWatch extends Disposable {
	/** 0 while nothing was sampled. */
	readonly memoryPeakBytes: number;
}

export type Excess = "memory" | "processes";

const firstSampleMs = 200;
const sampleMs = 1000;
/** With a limit of memory to hold, a second is long. */
const limitedSampleMs = 250;

export function watchResources(
	members: () => readonly number[],
	limits: ResourceLimits,
	exceeded: (excess: Excess, seen: number) => void,
): ResourceWatch {
	let memoryPeakBytes = 0;
	let timer = setTimeout(sample, firstSampleMs);

	function sample(): void {
		const pids = members();
		const bytes = pids.reduce((sum, pid) => sum + residentBytes(pid), 0);
		memoryPeakBytes = Math.max(memoryPeakBytes, bytes);
		if (limits.memoryBytes !== undefined && bytes > limits.memoryBytes) exceeded("memory", bytes);
		else if (limits.processes !== undefined && pids.length > limits.processes) exceeded("processes", pids.length);
		timer = setTimeout(sample, limits.memoryBytes === undefined ? sampleMs : limitedSampleMs);
	}

	return {
		get memoryPeakBytes() {
			return memoryPeakBytes;
		},
		[Symbol.dispose]: () => clearTimeout(timer),
	};
}

/** Processes that this machine's kernel has killed for want of memory since its boot; undefined where nobody counts. */
export function countOomKills(): number | undefined {
	try {
		const count = /^oom_kill (\d+)$/m.exec(readFileSync("/proc/vmstat", "utf8"))?.[1];
		return count === undefined ? undefined : Number(count);
	} catch {
		return undefined;
	}
}
