import type { Assign, AttemptReport, OutputStream } from "@covey/protocol";

/**
 * Knows how to run one task type on a worker. One `run` per attempt, several at once. It resolves with a report and
 * never rejects for anything the work did; a rejection is a programmer's error and reported as `bad_environment`.
 * When `signal` aborts it ends everything that it started, then resolves; `signal.reason` is an `EndOfAttempt`.
 */
export interface Runner {
	readonly type: string;
	run(assignment: Assign, io: AttemptIo, signal: AbortSignal): Promise<AttemptReport>;
}

export interface AttemptIo {
	/** The work itself begins now: preparation is over. Call once, before its first output. */
	started(): void;
	/** Appends to the attempt's output. Await it: back-pressure of the spool. The bytes are taken over. */
	write(stream: OutputStream, data: Uint8Array): Promise<void>;
	/** A note of Covey's own, shown to people on stderr (`covey: …`). */
	note(text: string): Promise<void>;
}

/** Shape of `signal.reason` (made in `worker/`). */
export interface EndOfAttempt extends Error {
	readonly reason: "cancelled" | "superseded" | "worker_lost";
	readonly graceMs: number;
	/** Aborts when the grace is cut short, as by a lease that ends meanwhile: KILL now. */
	readonly hurry?: AbortSignal;
}
