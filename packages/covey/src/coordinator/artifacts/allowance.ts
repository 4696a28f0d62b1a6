import { CoveyError } from "@covey/protocol";
import { artifactLimits } from "#coordinator/limits.ts";

interface Account {
	readonly since: number;
	/** Attempts that it held when it stored something, no more than can raise its limit. */
	readonly attempts: Set<string>;
	bytes: number;
}

/**
 * How much a worker may store: so many bytes for each attempt that it held, and no more than the limit of a worker,
 * in a window of time. What is stored already counts again, for it is kept the longer for it. Bytes count as they come,
 * so uploads at the same time share what is left. A worker's sessions have one account, so that connecting anew gives
 * no room.
 */
export class Allowance {
	readonly #accounts = new Map<string, Account>();
	readonly #now: () => number;

	constructor(now: () => number) {
		this.#now = now;
	}

	/**
	 * @param attempts held by the worker now.
	 * @returns `count` passes the content on, with `too_large` once it is over what the worker may store; `refund` gives
	 * back what it counted, when nothing was stored.
	 */
	open(
		worker: string,
		attempts: readonly string[],
	): { count(content: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array>; refund(): void } {
		const account = this.#account(worker);
		for (const attempt of attempts) {
			if (account.attempts.size * artifactLimits.attemptBytesMax >= artifactLimits.workerBytesMax) break;
			account.attempts.add(attempt);
		}
		const bytesMax = Math.min(account.attempts.size * artifactLimits.attemptBytesMax, artifactLimits.workerBytesMax);
		let counted = 0;
		return {
			async *count(content) {
				for await (const chunk of content) {
					counted += chunk.length;
					account.bytes += chunk.length;
					if (account.bytes > bytesMax) throw tooLarge(worker, bytesMax);
					yield chunk;
				}
			},
			refund() {
				account.bytes -= counted;
				counted = 0;
			},
		};
	}

	#account(worker: string): Account {
		const now = this.#now();
		const known = this.#accounts.get(worker);
		if (known !== undefined && now - known.since < artifactLimits.windowMs) return known;
		const account: Account = { since: now, attempts: new Set(), bytes: 0 };
		this.#accounts.set(worker, account);
		return account;
	}
}

function tooLarge(worker: string, bytesMax: number): CoveyError {
	const { attemptBytesMax, windowMs } = artifactLimits;
	return new CoveyError(
		"too_large",
		`${worker} has stored the ${bytesMax} bytes of artifacts that it may in ${windowMs / 60_000} minutes`,
		{
			hint: `the artifacts of one attempt have at most ${attemptBytesMax} bytes together`,
		},
	);
}
