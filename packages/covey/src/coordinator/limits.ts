import { wireLimits } from "@covey/protocol/limits";
import { assert } from "#kit/assert.ts";

/** Bounds of the coordinator's doors and of its loop. Bounds of the state machine stand in `core/limits.ts`. */
export const driverLimits = {
	/** Events that wait for the next turn; asks beyond are refused with `too_many`. */
	eventsQueuedMax: 20_000,
	/** A full journal is tried again this often. */
	fullRetryMs: 1000,
	/** Longest sleep of the tick timer; Node's own bound is 2^31 - 1. */
	timerMsMax: 3_600_000,
	/** Ended tasks gather so long before history is fed … */
	archiveMs: 500,
	/** … or until there are so many; then they are handed over … */
	archiveGatheredMax: 10_000,
	/** … so many at a time, with their whole entries, as the loop stands still while they are made ready. */
	archiveTasksMax: 500,
	/** Audit entries that wait for a history that is behind; calls that would add to them are refused with `too_many`. */
	auditQueuedMax: 50_000,
	/** A checkpoint is due after so many record changes, or twice as many as there were records, whichever is more. */
	checkpointChangesMin: 200_000,
	/** Events of the fleet that a reader can catch up on. */
	eventsKept: 10_000,
} as const;

export const httpLimits = {
	connectionsMax: 4096,
	headerBytesMax: 32 * 1024,
	headersTimeoutMs: 15_000,
	keepAliveTimeoutMs: 65_000,
	/** A request body that stands still for so long is given up. */
	bodyIdleMs: 30_000,
	/** Open SSE streams of all readers together. */
	streamsMax: 1024,
	/** Bytes that wait for a slow SSE reader before it is dropped. */
	streamBacklogBytesMax: 1024 * 1024,
	streamHeartbeatMs: 15_000,
	/** A refused connection may take so long to read why. */
	goodbyeMs: 2000,
	/** How long open requests may go on after a stop. */
	drainMs: 5000,
} as const;

/** The client socket, besides `socketLimits` of the protocol. */
export const socketBounds = {
	connectionsMax: 1024,
	/** A client that has not answered the ping before is gone. */
	pingMs: 30_000,
	/** How long a client may take to say goodbye. */
	closeMs: 2000,
	/** Output waits while so much is unread, whatever the credit. */
	outputBacklogBytes: 1024 * 1024,
	/** A client that leaves more unread, answers and events included, is dropped. */
	backlogBytesMax: 16 * 1024 * 1024,
} as const;

export const housekeepingLimits = {
	everyMs: 600_000,
	/** Artifacts of all tasks together, when nothing else is configured. */
	artifactBytesMax: 20 * 1024 ** 3,
	/** Whoever ran a task has at least so long to fetch its artifacts. */
	artifactAgeMinMs: 900_000,
	/** Ended tasks that can be looked up … */
	historyTasksMax: 5_000_000,
	/** … and for how long, with the audit. */
	historyAgeMaxMs: 365 * 24 * 3_600_000,
} as const;

/** What one worker may store, so that it cannot fill the disk faster than housekeeping makes room. */
export const artifactLimits = {
	/** For each attempt that it holds … */
	attemptBytesMax: wireLimits.artifactBytesMax,
	/** … and for all of them together, in each window. */
	workerBytesMax: 4 * wireLimits.artifactBytesMax,
	windowMs: housekeepingLimits.everyMs + housekeepingLimits.artifactAgeMinMs,
} as const;

export const authLimits = {
	/** Failures of one source address that cost nothing. */
	freeFailures: 5,
	firstWaitMs: 500,
	waitMsMax: 60_000,
	/** A source is forgotten so long after its last failure. */
	forgetMs: 600_000,
	sourcesMax: 10_000,
} as const;

assert(httpLimits.keepAliveTimeoutMs > httpLimits.headersTimeoutMs, "an idle connection outlasts the reading of its next headers");
assert(socketBounds.backlogBytesMax > 4 * socketBounds.outputBacklogBytes, "output stops long before a client is dropped");
assert(authLimits.forgetMs > authLimits.waitMsMax, "a source is not forgotten while it waits");
