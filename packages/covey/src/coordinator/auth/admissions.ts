import type { FleetEvent } from "@covey/protocol";
import type { EventFeed } from "#coordinator/events/feed.ts";
import type { Principal } from "./principal.ts";

/**
 * Who is inside by which token. What a token opened (a socket, a stream, a v1 worker's link) lasts longer than the look
 * at the token, so a token that is revoked or expires ends it.
 */
export class Admissions implements Disposable {
	readonly #inside = new Map<string, Set<() => void>>();
	readonly #subscription: Disposable | undefined;
	readonly #now: () => number;

	constructor(feed: Pick<EventFeed, "subscribe">, now: () => number) {
		this.#now = now;
		this.#subscription = feed.subscribe(undefined, (event) => this.#hear(event));
	}

	/**
	 * @param end called when the token is good no more, at most once.
	 * @returns what must be called when the holder leaves by itself.
	 */
	admit({ tokenId, session, expiresAt }: Principal, end: () => void): () => void {
		// The session of a worker ends with its link.
		if (session !== undefined) return () => {};
		const holders = this.#inside.get(tokenId) ?? new Set();
		this.#inside.set(tokenId, holders.add(end));
		const leftMs = (expiresAt ?? Number.POSITIVE_INFINITY) - this.#now();
		const timer = leftMs <= timerMsMax ? setTimeout(end, leftMs) : undefined;
		timer?.unref();
		return () => {
			clearTimeout(timer);
			holders.delete(end);
			if (holders.size === 0 && this.#inside.get(tokenId) === holders) this.#inside.delete(tokenId);
		};
	}

	[Symbol.dispose](): void {
		this.#subscription?.[Symbol.dispose]();
		this.#inside.clear();
	}

	#hear(event: FleetEvent): void {
		if (event.type !== "audit" || event.action !== "token.revoke") return;
		const holders = [...(this.#inside.get(event.subject) ?? [])];
		// Whoever revokes its own token still gets the answer.
		setImmediate(() => {
			for (const end of holders) end();
		});
	}
}

/** Node's bound; what is open for longer than that is looked at again when it comes back. */
const timerMsMax = 2 ** 31 - 1;
