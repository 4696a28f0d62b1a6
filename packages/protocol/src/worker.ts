import { z } from "zod";
import { Capability, Namespace, RepositoryId, Timestamp, WorkerName } from "./ids.ts";
import { wireLimits } from "./limits.ts";
import { IsolationLevel, Tags } from "./task.ts";

/** Shares of time in which work waited (Linux PSI `some`/`full` avg10 as 0..1; load per core elsewhere). */
export const Pressure = z.object({
	cpu: z.number().min(0).max(1),
	io: z.number().min(0).max(1),
	memory: z.number().min(0).max(1),
	/** False: the worker asks for no further work until it falls. */
	admits: z.boolean(),
});
export type Pressure = z.infer<typeof Pressure>;

/** What a worker offers; sent when it connects, and again when it changes. */
export const WorkerOffer = z.object({
	slots: z.number().int().min(0).max(wireLimits.slotsMax),
	capabilities: z.array(Capability).max(wireLimits.capabilitiesMax).default(["run"]),
	tags: Tags.default({}),
	os: z.string().max(32),
	arch: z.string().max(32),
	cores: z.number().int().min(1).optional(),
	memoryBytes: z.number().int().min(0).optional(),
	/** The highest level that a task may ask for. */
	isolation: IsolationLevel.default(0),
	/** The level of a task that asks for none; below 2 it is unconfined. */
	isolationDefault: IsolationLevel.optional(),
	/** Version of Covey, as in `covey version`. */
	version: z.string().max(64),
	/** Repositories with a warm worktree, most recently used first. */
	warm: z.array(RepositoryId).max(wireLimits.warmRepositoriesMax).default([]),
});
export type WorkerOffer = z.infer<typeof WorkerOffer>;

export const WorkerStatus = z.enum(["connected", "disconnected", "gone"]);
export type WorkerStatus = z.infer<typeof WorkerStatus>;

/** A worker as every reader sees it. */
export const WorkerView = z.object({
	name: WorkerName,
	status: WorkerStatus,
	embedded: z.boolean(),
	protocol: z.number().int(),
	draining: z.boolean(),
	revoked: z.boolean(),
	namespaces: z.array(Namespace),
	offer: WorkerOffer.optional(),
	pressure: Pressure.optional(),
	slotsUsed: z.number().int().min(0),
	attempts: z.array(z.string()),
	enrolledAt: Timestamp,
	connectedAt: Timestamp.optional(),
	seenAt: Timestamp.optional(),
});
export type WorkerView = z.infer<typeof WorkerView>;
