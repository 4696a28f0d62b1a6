import { CoveyError } from "@covey/protocol";
import { BackOff } from "#coordinator/auth/back-off.ts";
import { linkLimits } from "./limits.ts";

/** Counts connections that have not yet proved who they are, by source address, and slows down those that fail. */
export class Sources {
	readonly #unproved = new Map<string, number>();
	readonly #backOff: BackOff;
	#total = 0;

	constructor(now: () => number) {
		this.#backOff = new BackOff(now);
	}

	/** @returns what must be told once how it went. @throws CoveyError `too_many`. */
	enter(address: string): (well: boolean) => void {
		const count = this.#unproved.get(address) ?? 0;
		if (count >= linkLimits.unprovedPerSourceMax || this.#total >= linkLimits.unprovedMax) {
			throw new CoveyError("too_many", "too many connections have not introduced themselves yet", { retryAfterMs: linkLimits.handshakeMs });
		}
		this.#unproved.set(address, count + 1);
		this.#total++;
		return (well) => {
			this.#leave(address);
			if (well) this.#backOff.succeed(address);
			else this.#backOff.fail(address);
		};
	}

	#leave(address: string): void {
		const count = this.#unproved.get(address)! - 1;
		if (count === 0) this.#unproved.delete(address);
		else this.#unproved.set(address, count);
		this.#total--;
	}
}
