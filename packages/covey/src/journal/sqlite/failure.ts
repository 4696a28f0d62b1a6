/**
 * Why the store cannot do what it was asked for. A plain error that crosses the thread's boundary as data; the main
 * side makes a JournalError of it. (The thread loads nothing of the protocol, so that it starts fast.)
 */
export class StoreFailure extends Error {
	override readonly name = "StoreFailure";
	readonly reason: FailureReason;
	/** The entry that it is about. */
	readonly sequence: number | undefined;
	readonly hint: string | undefined;

	constructor(reason: FailureReason, message: string, options: { sequence?: number; hint?: string; cause?: unknown } = {}) {
		super(message, options);
		this.reason = reason;
		this.sequence = options.sequence;
		this.hint = options.hint;
	}
}

/** `busy`: another program has the file open, past the owner lock. `failed`: anything else that SQLite or the system said. */
export type FailureReason = "corrupt" | "truncated" | "newer_format" | "unsupported" | "full" | "busy" | "failed";

export interface FailureData {
	readonly reason: FailureReason;
	readonly message: string;
	readonly sequence: number | undefined;
	readonly hint: string | undefined;
}

/** SQLite's result codes that mean something to us, primary and extended (sqlite.org/rescode.html). */
const reasons: Readonly<Record<number, FailureReason>> = {
	5: "busy", // SQLITE_BUSY
	11: "corrupt", // SQLITE_CORRUPT
	13: "full", // SQLITE_FULL
	26: "corrupt", // SQLITE_NOTADB
	522: "corrupt", // SQLITE_IOERR_SHORT_READ: the file ends before what it says it holds
	8458: "corrupt", // SQLITE_IOERR_CORRUPTFS
};

/**
 * `full` is SQLITE_FULL alone: no space, and the statement was taken back. A failed sync has another code: after it
 * nobody knows what is on disk, so it must never be read as "try again".
 */
export function failureOf(error: unknown): FailureData {
	if (error instanceof StoreFailure) return { reason: error.reason, message: error.message, sequence: error.sequence, hint: error.hint };
	const { errcode, message } = error as { errcode?: number; message?: string };
	const reason = reasons[errcode ?? 0] ?? reasons[(errcode ?? 0) & 0xff] ?? "failed";
	return { reason, message: message ?? String(error), sequence: undefined, hint: undefined };
}

/** On the other side of the boundary. */
export function reviveFailure({ reason, message, sequence, hint }: FailureData): StoreFailure {
	return new StoreFailure(reason, message, { ...(sequence !== undefined && { sequence }), ...(hint !== undefined && { hint }) });
}
