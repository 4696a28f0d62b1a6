import { wireLimits } from "@covey/protocol/limits";
import { assert } from "#kit/assert.ts";

/** Every bound inside the coordinator's state machine. Bounds on the wire stand in `@covey/protocol/limits`. */
export const limits = {
	/** Live tasks held in memory; more are refused with `too_many`. */
	tasksLiveMax: 1_100_000,
	/** What their submissions weigh together, about; once it is reached more are refused with `too_many`. */
	specBytesMax: 1024 ** 3,
	workersMax: 20_000,
	tokensMax: 10_000,
	/** Asks answered by one merged task. */
	asksMax: 64,
	/** Attempts kept with a task, the first and the newest; a task that needs more ends. */
	attemptsMax: 32,
	/** Workers named in a placement record. */
	candidatesMax: 16,
	/** Workers that bid for one task because they are warm, and because they are free: of a few at the top the best is good enough. */
	warmBidsMax: 7,
	freeBidsMax: 8,
	/** Warm workers looked at for one task, most of them busy as a rule. */
	warmConsideredMax: 64,
	/** A task that wants several slots has a worker kept free for it when it has waited this long; the next of its class as long after it. */
	reserveAfterMs: 30_000,
	/** Workers looked at for that. */
	reserveConsideredMax: 64,
	/** Constraint classes kept without a pending task. */
	idleClassesMax: 1024,
	/** Lease of an attempt: how long after its worker was last heard it still owns it. */
	leaseTtlMs: 90_000,
	/** Added by the coordinator, so that the worker has killed its tree before the attempt goes elsewhere. */
	leaseMarginMs: 10_000,
	/** A stopping worker gives its attempts no more time than this to end by themselves, whatever their tasks ask for. */
	stopGraceMaxMs: 10_000,
	/** A worker states what it runs this often; renews its leases. */
	syncMs: 15_000,
	pingMs: 30_000,
	pongMs: 10_000,
} as const;

assert(limits.leaseTtlMs >= 4 * limits.syncMs, "a lease outlasts three lost syncs");
assert(limits.leaseTtlMs > limits.pingMs + limits.pongMs, "a dead link is noticed before its leases end");
assert(
	1 + limits.warmBidsMax + limits.freeBidsMax <= limits.candidatesMax,
	"a placement names all who bid, the preferred machine included",
);
assert(limits.asksMax < wireLimits.batchMax, "the asks of one task fit one message");
