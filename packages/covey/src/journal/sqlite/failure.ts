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

/** `failed`: anything else that SQLite or the system said. */
export type FailureReason = "corrupt" | "truncated" | "newer_format" | "unsupported" | "full" | "failed";

export interface FailureData {
	readonly reason: FailureReason;
	readonly message: string;
	readonly sequence: number | undefined;
	readonly hint: string | undefined;
}

/** Primary result codes of SQLite that mean something to us (sqlite.org/rescode.html). */
const reasons: Readonly<Record<number, FailureReason>> = { 11: "corrupt", 13: "full", 26: "corrupt" };

/**
 * `full` is SQLITE_FULL alone: no space, and the statement was taken back. A failed sync has another code: after it
 * nobody knows what is on disk, so it must never be read as "try again".
 */
export function failureOf(error: unknown): FailureData {
	if (error instanceof StoreFailure) return { reason: error.reason, message: error.message, sequence: error.sequence, hint: error.hint };
	const { errcode, message } = error as { errcode?: number; message?: string };
	const reason = reasons[(errcode ?? 0) & 0xff] ?? "failed";
	return { reason, message: message ?? String(error), sequence: undefined, hint: undefined };
}
