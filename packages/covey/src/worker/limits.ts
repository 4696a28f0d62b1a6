import { limits } from "#core/limits.ts";
import { assert } from "#kit/assert.ts";

/** Every bound inside a worker that no one configures. */
export const workerLimits = {
	/** From TERM to KILL when a lease has ended. */
	fenceGraceMs: 5000,
	/** A stopping worker waits this long for the receipt of its reports. */
	settleMs: 5000,
	/** A report that is not settled by then goes to disk. */
	keepAfterMs: 250,
	pressureMs: 2000,
	/** The agent is looked at this often at least: a machine that slept wakes into ended leases. */
	tickMsMax: 1000,
	output: {
		/** Unacknowledged output of one attempt that stays in memory. */
		windowBytes: 16 * 1024 * 1024,
		queuedBytesMax: 4 * 1024 * 1024,
	},
	/** Packs and artifacts, while the coordinator cannot be reached: no new try begins after `giveUpMs`. */
	transfer: {
		backoff: { firstMs: 250, maxMs: 5000 },
		giveUpMs: 60_000,
	},
	link: {
		backoff: { firstMs: 250, maxMs: 30_000 },
		handshakeTimeoutMs: 15_000,
	},
} as const;

assert(workerLimits.fenceGraceMs < limits.leaseMarginMs, "a fenced attempt is dead before it may run elsewhere");
