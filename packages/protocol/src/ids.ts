import { z } from "zod";
import { wireLimits } from "./limits.ts";

/** Made by whoever creates the thing, sortable by time: `t_` and 26 characters of Crockford's base 32 in lower case. */
export const TaskId = z.string().regex(/^t_[0-9a-hjkmnp-tv-z]{26}$/, "a task id looks like t_ and 26 characters");
export type TaskId = z.infer<typeof TaskId>;

/** One person's or program's request for a task. Equal work may be merged, so that one task answers several asks. */
export const AskId = z.string().regex(/^a_[0-9a-hjkmnp-tv-z]{26}$/);
export type AskId = z.infer<typeof AskId>;

/** A worker's name: a DNS label with dots and underscores allowed. It is also its id: names are unique in a fleet. */
export const WorkerName = z
	.string()
	.max(wireLimits.nameLengthMax)
	.regex(/^[a-z0-9]([a-z0-9._-]*[a-z0-9])?$/, "a worker's name has lower-case letters, digits, dots, dashes and underscores");
export type WorkerName = z.infer<typeof WorkerName>;

export const Namespace = z
	.string()
	.max(wireLimits.nameLengthMax)
	.regex(/^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/, "a namespace has lower-case letters, digits and dashes");

/** A task type or tool, as in `run`, `agent_run`, `cargo`. */
export const Capability = z
	.string()
	.max(wireLimits.nameLengthMax)
	.regex(/^[a-z0-9][a-z0-9._+-]*$/);

/** A git object id: SHA-1 or SHA-256, in full. */
export const ObjectId = z.string().regex(/^[0-9a-f]{40}([0-9a-f]{24})?$/, "a full git object id");
export type ObjectId = z.infer<typeof ObjectId>;

/** SHA-256 of content, as in artifacts. */
export const Digest = z.string().regex(/^[0-9a-f]{64}$/, "a SHA-256 digest in hex");
export type Digest = z.infer<typeof Digest>;

/** What a repository is called in the fleet: derived from its origin URL, root commit or path; see `host/git`. */
export const RepositoryId = z.string().regex(/^[0-9a-f]{32}$/, "a repository id in hex");
export type RepositoryId = z.infer<typeof RepositoryId>;

export const AttemptNumber = z.number().int().min(1).max(1_000_000);

/** `<task>.<attempt>`: how an attempt is named where one string is wanted, as in v1's `job_id`. */
export const AttemptKey = z.string().regex(/^t_[0-9a-hjkmnp-tv-z]{26}\.[1-9][0-9]{0,6}$/);
export type AttemptKey = z.infer<typeof AttemptKey>;

export function attemptKey(task: TaskId, attempt: number): AttemptKey {
	return `${task}.${attempt}`;
}

/** @throws never: an ill-formed key gives undefined. */
export function parseAttemptKey(key: string): { task: TaskId; attempt: number } | undefined {
	if (!AttemptKey.safeParse(key).success) return undefined;
	const dot = key.indexOf(".");
	return { task: key.slice(0, dot), attempt: Number(key.slice(dot + 1)) };
}

/** Milliseconds since 1970, UTC. */
export const Timestamp = z.number().int().min(0);
export const DurationMs = z
	.number()
	.int()
	.min(0)
	.max(30 * 24 * 3600 * 1000);
