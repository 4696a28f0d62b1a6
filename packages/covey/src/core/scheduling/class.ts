import type { Constraints, Policies, TaskSubmission } from "@covey/protocol";
import type { Timer } from "#core/timers.ts";
import type { Worker } from "#core/worker.ts";
import { Bitset } from "./bitset.ts";
import type { FairShares } from "./fairness.ts";
import type { Needs } from "./match.ts";
import { TaskQueue } from "./queue.ts";

/** Work that asks for the same, and so shares one queue and one set of workers that can do it. */
export interface WorkClass {
	readonly key: string;
	readonly needs: Needs;
	readonly queue: TaskQueue;
	/** Numbers of the workers that are here to take such work, the embedded ones left out. */
	readonly eligible: Bitset;
	/** The same of embedded workers. */
	readonly embedded: Bitset;
	/** Kept free for the first task of this class; see `reserve.ts`. */
	reserved?: Worker | undefined;
	/** When a task that a worker was kept free for was placed last. */
	servedAt?: number;
	timer?: Timer | undefined;
}

export function createClass(key: string, needs: Needs, shares: FairShares): WorkClass {
	return { key, needs, queue: new TaskQueue(key, shares), eligible: new Bitset(), embedded: new Bitset() };
}

/** What a submission asks for; `wish` makes its preferred machine a demand. */
export function needsOf(submission: TaskSubmission, wish: boolean): Needs {
	const { namespace, type, constraints, policies, prefer } = submission;
	return {
		namespace,
		type,
		constraints: wish ? { ...constraints, machine: prefer?.machine } : constraints,
		fallback: policies.fallback,
		wished: wish,
	};
}

/** Equal for equal needs, whatever the order of tags and capabilities. */
export function classKey({ namespace, type, constraints, fallback, wished }: Needs): string {
	const { machine, tags, capabilities, os, arch, slots, memoryBytes, isolation } = constraints;
	return JSON.stringify([
		namespace,
		type,
		fallbackKey(fallback),
		wished,
		machine,
		sortedTags(tags),
		sorted(capabilities),
		os,
		arch,
		slots,
		memoryBytes,
		isolation,
	]);
}

function fallbackKey(fallback: Policies["fallback"]): string | number {
	return typeof fallback === "string" ? fallback : fallback.afterMs;
}

function sorted(capabilities: Constraints["capabilities"]): readonly string[] {
	return capabilities.length < 2 ? capabilities : capabilities.toSorted();
}

function sortedTags(tags: Constraints["tags"]): readonly unknown[] {
	const entries = Object.entries(tags);
	return entries.length < 2 ? entries : entries.sort(([left], [right]) => (left < right ? -1 : 1));
}
