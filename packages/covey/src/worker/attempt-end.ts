import type { EndOfAttempt } from "#ports/runner.ts";

/** How an attempt is told to end: once with a reason, and perhaps again with less grace. */
export class AttemptEnd {
	readonly #ended = new AbortController();
	readonly #hurried = new AbortController();

	get signal(): AbortSignal {
		return this.#ended.signal;
	}

	/** The first reason stays. */
	order(reason: EndOfAttempt["reason"], graceMs: number): void {
		if (!this.#ended.signal.aborted) this.#ended.abort(new EndOrder(reason, graceMs, this.#hurried.signal));
		else setTimeout(() => this.#hurried.abort(), graceMs).unref();
	}
}

class EndOrder extends Error implements EndOfAttempt {
	override readonly name = "EndOfAttempt";
	readonly reason: EndOfAttempt["reason"];
	readonly graceMs: number;
	readonly hurry: AbortSignal;

	constructor(reason: EndOfAttempt["reason"], graceMs: number, hurry: AbortSignal) {
		super(`the attempt was told to end: ${reason}`);
		this.reason = reason;
		this.graceMs = graceMs;
		this.hurry = hurry;
	}
}
