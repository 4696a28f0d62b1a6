import { wireLimits } from "@covey/protocol/limits";
import { assert } from "#kit/assert.ts";

/** Bounds of the logs. Bytes on disk count the headers too, so that one-byte writes cannot outgrow them. */
export const logLimits = {
	/** Kept of one attempt, on disk and before compression; what comes after is dropped and marked as a gap. */
	attemptBytesMax: 1024 * 1024 * 1024,
	/** One segment file. Its name is the offset of its first byte, so the files of an attempt are its index. */
	segmentBytesMax: 8 * 1024 * 1024,
	/** Handed to the system in one write. */
	writeBytesMax: 4 * 1024 * 1024,
	/** Frames kept in memory, per attempt that somebody follows, for readers that keep up. */
	recentBytesMax: 1024 * 1024,
	/** Appended and not yet written, per attempt: beyond it whoever appends must wait. */
	queuedBytesMax: 8 * 1024 * 1024,
	/** A smaller payload is copied out of the network buffer that it came in, so that it does not keep that alive. */
	copyBytesMax: 16 * 1024,
	/** Read from a segment at once. */
	readBytes: 512 * 1024,
	/** An ended log this old is compressed. */
	compressAfterMs: 10 * 60_000,
	/** Ended logs are kept this long … */
	ageMsMax: 30 * 24 * 3600_000,
	/** … and all logs together within this many bytes; the oldest ended ones go first. */
	bytesMax: 20 * 1024 * 1024 * 1024,
	tidyEveryMs: 60_000,
} as const;

/** Each frame on disk has its length before it. */
export const recordPrefixBytes = 4;

assert(logLimits.readBytes >= wireLimits.frameBytesMax + recordPrefixBytes, "one read holds at least one record");
assert(logLimits.segmentBytesMax > logLimits.readBytes, "a segment holds several reads");
