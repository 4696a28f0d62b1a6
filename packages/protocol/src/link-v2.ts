import { z } from "zod";
import { AttemptNumber, DurationMs, Namespace, TaskId, WorkerName } from "./ids.ts";
import { Json } from "./json.ts";
import { wireLimits } from "./limits.ts";
import { AttemptReport, Constraints, Policies } from "./task.ts";
import { VersionRange } from "./version.ts";
import { WireError } from "./wire-error.ts";
import { Pressure, WorkerOffer } from "./worker.ts";

/**
 * Worker link v2. JSON text frames hold one message or one `batch`; binary frames hold output (`frames.ts`).
 *
 * A session: hello → challenge → prove → welcome → sync ⇄ synced, and then anything.
 * An attempt: assign → started → output… → complete → settle. The worker repeats `complete` until it is settled.
 * `sync` is level-triggered and doubles as the heartbeat that renews leases: it states what the worker runs and
 * what it waits to have settled; `synced` says what it must end. A lost message heals at the next sync.
 */
const base64 = z
	.string()
	.max(1024)
	.regex(/^[A-Za-z0-9+/_-]*={0,2}$/);
const attemptOf = { task: TaskId, attempt: AttemptNumber };
/** Names an attempt in binary frames of this session; chosen by the coordinator. */
const channel = z.number().int().min(1).max(0xffff_ffff);

export const Hello = z.object({
	type: z.literal("hello"),
	protocol: VersionRange,
	name: WorkerName,
	/** Ed25519 public key, SPKI DER, base64. */
	publicKey: base64,
	/** The id part of a join token, when enrolling. The secret follows in `prove`, after the coordinator has proved itself. */
	tokenId: z.string().max(64).optional(),
	nonce: base64,
	/** Unique per process start. Another instance cannot resume this one's attempts. */
	instance: z.string().min(8).max(64),
	version: z.string().max(64),
});
export const Prove = z.object({
	type: z.literal("prove"),
	/** Over `enrolText` / `linkText` of `proof.ts`. */
	signature: base64,
	tokenSecret: z.string().max(128).optional(),
	offer: WorkerOffer,
});
/** Renews the session over the socket; the signature is over a fresh `renewal` nonce. */
export const Renew = z.object({ type: z.literal("renew"), signature: base64 });
export const Offer = z.object({ type: z.literal("offer"), offer: WorkerOffer });
export const SyncAttempt = z.object({
	...attemptOf,
	state: z.enum(["preparing", "running", "ended"]),
});
export const Sync = z.object({
	type: z.literal("sync"),
	/** Rises by one; echoed in `synced`, so that the worker knows which send time its leases count from. */
	sequence: z.number().int().min(0),
	/** Highest `assign.sequence` received in this session, 0 for none. */
	assigned: z.number().int().min(0),
	attempts: z.array(SyncAttempt).max(wireLimits.syncAttemptsMax),
	pressure: Pressure.optional(),
});
export const Started = z.object({ type: z.literal("started"), ...attemptOf });
export const Complete = z.object({ type: z.literal("complete"), ...attemptOf, report: AttemptReport });
/** The worker will not run it: the slot is taken, the type unknown, it is draining. Not a result of the work. */
export const Decline = z.object({ type: z.literal("decline"), ...attemptOf, message: z.string().max(wireLimits.messageTextMax) });
export const Pong = z.object({ type: z.literal("pong") });
/** Ends the session on purpose, with nothing running. */
export const Bye = z.object({ type: z.literal("bye"), reason: z.string().max(256) });

const v2FromWorker = [Hello, Prove, Renew, Offer, Sync, Started, Complete, Decline, Pong, Bye] as const;
export const V2FromWorkerMessage = z.discriminatedUnion("type", v2FromWorker);
export type V2FromWorkerMessage = z.infer<typeof V2FromWorkerMessage>;
export const V2FromWorker = z.union([
	V2FromWorkerMessage,
	z.object({ type: z.literal("batch"), messages: z.array(V2FromWorkerMessage).max(wireLimits.batchMax) }),
]);

export const Challenge = z.object({
	type: z.literal("challenge"),
	protocol: z.number().int(),
	coordinator: z.string().max(64),
	/** Ed25519 public key of the coordinator, SPKI DER, base64. */
	publicKey: base64,
	nonce: base64,
	time: z.number().int(),
	signature: base64,
});
export const Welcome = z.object({
	type: z.literal("welcome"),
	name: WorkerName,
	session: z.string().max(64),
	/** Bearer token for this worker's HTTP calls (packs, artifacts); dies with the session. */
	token: z.string().max(256),
	tokenTtlMs: DurationMs,
	renewal: base64,
	leaseTtlMs: DurationMs,
	syncMs: DurationMs,
	pingMs: DurationMs,
	version: z.string().max(64),
	/** Of the same host: where packs and artifacts are, if not at the port of this connection. */
	httpPort: z.number().int().min(1).max(65_535).optional(),
});
export const Renewed = z.object({ type: z.literal("renewed"), token: z.string().max(256), tokenTtlMs: DurationMs, renewal: base64 });
export const Assign = z.object({
	type: z.literal("assign"),
	/** Rises by one per assign in this session. */
	sequence: z.number().int().min(1),
	...attemptOf,
	channel,
	namespace: Namespace,
	taskType: z.string().max(wireLimits.nameLengthMax),
	payload: Json,
	constraints: Constraints,
	policies: Policies,
	/** The lease counts from the send time of the last sync that was answered, or of the proof that opened the session. */
	leaseTtlMs: DurationMs,
});
export type Assign = z.infer<typeof Assign>;
/** End this attempt: TERM, `graceMs`, KILL. Reported with `reason` as its outcome. */
export const Cancel = z.object({
	type: z.literal("cancel"),
	...attemptOf,
	reason: z.enum(["cancelled", "superseded", "worker_lost"]),
	graceMs: DurationMs,
});
/** Output up to `offset` is on the coordinator's disk: the spool before it may go. */
export const Acknowledge = z.object({ type: z.literal("acknowledge"), ...attemptOf, offset: z.number().int().min(0) });
/** The report is durable: forget the attempt. */
export const Settle = z.object({ type: z.literal("settle"), ...attemptOf });
export const Synced = z.object({
	type: z.literal("synced"),
	sequence: z.number().int().min(0),
	/** Attempts of this worker that must end: no longer its own (`worker_lost`), or cancelled. */
	end: z
		.array(z.object({ ...attemptOf, reason: z.enum(["cancelled", "superseded", "worker_lost"]), graceMs: DurationMs }))
		.max(wireLimits.syncAttemptsMax),
	/** Ended attempts that the coordinator has on record, or never will: forget them. */
	settled: z.array(z.object(attemptOf)).max(wireLimits.syncAttemptsMax),
	/** The fleet's wish, so that a lost `drain` heals. */
	draining: z.boolean().optional(),
	/** Output still wanted: resend from `offset`. The channel is this session's. */
	resume: z.array(z.object({ ...attemptOf, channel, offset: z.number().int().min(0) })).max(wireLimits.syncAttemptsMax),
});
export const Drain = z.object({ type: z.literal("drain"), draining: z.boolean() });
export const Ping = z.object({ type: z.literal("ping") });
export const Refusal = z.object({ type: z.literal("refusal"), error: WireError });

const v2ToWorker = [Challenge, Welcome, Renewed, Assign, Cancel, Acknowledge, Settle, Synced, Drain, Ping, Refusal] as const;
export const V2ToWorkerMessage = z.discriminatedUnion("type", v2ToWorker);
export type V2ToWorkerMessage = z.infer<typeof V2ToWorkerMessage>;
export const V2ToWorker = z.union([
	V2ToWorkerMessage,
	z.object({ type: z.literal("batch"), messages: z.array(V2ToWorkerMessage).max(wireLimits.batchMax) }),
]);
