import { wireLimits } from "@covey/protocol/limits";
import { limits } from "#core/limits.ts";
import { assert } from "#kit/assert.ts";

/** Bounds of the worker link. */
export const linkLimits = {
	/** From the upgrade to the end of the proof. */
	handshakeMs: 10_000,
	/** Connections that have not proved themselves, of one address and of all. */
	unprovedPerSourceMax: 128,
	unprovedMax: 4096,
	/** Refusals of one source are logged this often. */
	refusalLineMs: 60_000,
	/** Messages and frames of one worker that wait until it is connected. */
	earlyMax: 1000,
	/** Life of a session's token. The worker renews it over the socket. */
	sessionTtlMs: 3600_000,
	/** Sent and not yet taken by the network; a worker that lets more pile up is disconnected. */
	queuedBytesMax: 16 * 1024 * 1024,
	/** Output is acknowledged after so many bytes or so many milliseconds, whichever comes first. */
	acknowledgeBytes: 256 * 1024,
	acknowledgeMs: 50,
	/** Output of a v1 job that was started on an earlier connection, held until it is known to be wanted. */
	heldBytesMax: 1024 * 1024,
	/** The repository of a v1 job may be fetched for so long. */
	gitCredentialMs: 24 * 3600_000,
	/** Reason of a WebSocket close, by RFC 6455 §5.5. */
	closeReasonBytesMax: 123,
} as const;

assert(linkLimits.queuedBytesMax > 4 * wireLimits.messageBytesMax, "several whole messages may wait for a slow network");
assert(linkLimits.acknowledgeMs < limits.syncMs, "acknowledgements are faster than syncs");
