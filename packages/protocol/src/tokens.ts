import { z } from "zod";
import { Namespace, Timestamp, WorkerName } from "./ids.ts";
import { Tags } from "./task.ts";

/** What a client token may do. `admin` may do all; `worker` is for v1 workers; `cache` for cache clients. */
export const Role = z.enum(["admin", "submit", "read", "worker", "cache"]);
export type Role = z.infer<typeof Role>;

/** `join` enrols one worker; `client` is shown on each call. */
export const TokenKind = z.enum(["client", "join"]);

/**
 * Written forms: `cvt_1.<id>.<secret>.<check>` for clients and
 * `cvjt_1.<coordinator key fingerprint>.<id>.<secret>.<check>` for joining. `check` is the first 6 characters of the
 * base32 SHA-256 of what precedes it, so that scanners and typing mistakes are told from guesses.
 * Only SHA-256(secret) is ever stored.
 */
export const TokenRecordView = z.object({
	id: z.string(),
	kind: TokenKind,
	roles: z.array(Role),
	namespaces: z.array(Namespace),
	label: z.string(),
	createdAt: Timestamp,
	createdBy: z.string(),
	expiresAt: Timestamp.optional(),
	usesLeft: z.number().int().min(0).optional(),
	/** Join tokens: the only name, and the tags that the worker gets. */
	name: WorkerName.optional(),
	tags: Tags,
	/** Client tokens: the worktree on the coordinator's machine that `/mcp` serves with it. */
	worktree: z.string().optional(),
	revoked: z.boolean(),
});
export type TokenRecordView = z.infer<typeof TokenRecordView>;
