import { CoveyError } from "@covey/protocol";
import { linkLimits } from "./limits.ts";

/**
 * Counts connections that have not yet proved who they are, by source address, so that they cannot take all places.
 * Whoever fails is not made to wait: on loopback that would be everybody, and what is guessed at has 256 bits.
 */
export class Sources {
	readonly #unproved = new Map<string, number>();
	#total = 0;

	/** @returns what must be called when it is settled who it is, or the connection has ended; more often does no harm. @throws CoveyError `too_many`. */
	enter(address: string): () => void {
		const count = this.#unproved.get(address) ?? 0;
		if (count >= linkLimits.unprovedPerSourceMax || this.#total >= linkLimits.unprovedMax) {
			throw new CoveyError("too_many", "too many connections have not introduced themselves yet", { retryAfterMs: linkLimits.handshakeMs });
		}
		this.#unproved.set(address, count + 1);
		this.#total++;
		let inside = true;
		return () => {
			if (inside) this.#leave(address);
			inside = false;
		};
	}

	#leave(address: string): void {
		const count = this.#unproved.get(address)! - 1;
		if (count === 0) this.#unproved.delete(address);
		else this.#unproved.set(address, count);
		this.#total--;
	}
}
