import { CoveyError } from "@covey/protocol";

/**
 * Why a journal refuses.
 * - `truncated`: the entries asked for have been dropped; start from the snapshot.
 * - `corrupt`: what is on disk is not what was written.
 * - `newer_format`: a newer Covey wrote it.
 * - `unsupported`: not a journal, or on a filesystem that cannot keep the promise.
 * - `closed`: used after `close`.
 */
export type JournalErrorReason = keyof typeof codes;

const codes = {
	truncated: "not_found",
	corrupt: "internal",
	newer_format: "version_mismatch",
	unsupported: "bad_request",
	closed: "unavailable",
} as const;

/** A CoveyError of the journal; `reason` tells what a caller may act on. A second owner is a plain `conflict` (see `host/lock`). */
export class JournalError extends CoveyError {
	readonly reason: JournalErrorReason;

	constructor(reason: JournalErrorReason, message: string, options: { hint?: string; cause?: unknown; sequence?: number } = {}) {
		const { sequence, ...rest } = options;
		super(codes[reason], message, { ...rest, details: { reason, ...(sequence !== undefined && { sequence }) } });
		this.reason = reason;
	}
}
