import type { Pressure, WorkerOffer, WorkerStatus } from "@covey/protocol";
import type { Standing } from "./scheduling/scheduler.ts";
import type { Timer } from "./timers.ts";

/** A worker. `record` is journalled; presence lives in memory. */
export interface Worker {
	record: WorkerRecord;
	status: WorkerStatus;
	session?: Session;
	/** What it offered last, also while it is disconnected. */
	offer?: WorkerOffer;
	pressure?: Pressure;
	/** Keys of the attempts it holds a lease of, with the slots of each. */
	readonly held: Map<string, number>;
	slotsUsed: number;
	seenAt?: number;
	/** Where it stands with the scheduler. */
	standing: Standing;
	/** Not journalled; see `timers.ts`. */
	timer?: Timer;
}

export interface WorkerRecord {
	readonly name: string;
	/** How it proves who it is: its Ed25519 public key; a worker token (v1); or being inside the coordinator. */
	readonly identity: { kind: "key"; publicKey: string } | { kind: "token"; tokenId: string } | { kind: "embedded" };
	readonly enrolledAt: number;
	/** Namespaces whose tasks it may see; empty means all. */
	readonly namespaces: readonly string[];
	/** Tags given by the join token; they outrank those that the worker states itself. */
	readonly tags: Readonly<Record<string, string>>;
	draining: boolean;
	revoked: boolean;
}

/** One connection of a worker. A newer one replaces it; whatever comes from an older one is ignored. */
export interface Session {
	readonly id: string;
	readonly instance: string;
	readonly protocol: number;
	readonly since: number;
	/** Last `assign.sequence` sent. */
	assigned: number;
}
