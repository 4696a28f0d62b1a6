import type { ServerContext } from "@modelcontextprotocol/server";

type RequestId = string | number;

/** A call's own end: its connection's, or that its client gave it up by another. */
export interface CallUnderWay extends Disposable {
	readonly signal: AbortSignal;
}

/** A notice may overtake its call, or come when that is over: for so long it is known which, in milliseconds. */
const rememberedMs = 10_000;
const rememberedMax = 1000;

/**
 * The calls under way of one asker, for clients of 2025 over HTTP: each of their requests is a connection of its own, and
 * so is the notice that one is given up. Ids are the clients': where two that share a token use the same, nobody is ended.
 */
export class CallsUnderWay {
	readonly #calls = new Map<RequestId, Set<AbortController>>();
	/** Given up before they came, and those that are over, each with the time of that. */
	readonly #early = new Map<RequestId, number>();
	readonly #over = new Map<RequestId, number>();
	readonly #now: () => number;

	constructor(now: () => number = Date.now) {
		this.#now = now;
	}

	enter({ id, signal }: Pick<ServerContext["mcpReq"], "id" | "signal">): CallUnderWay {
		const own = new AbortController();
		const same = this.#calls.get(id) ?? new Set();
		this.#calls.set(id, same.add(own));
		if (this.#isRecent(this.#early, id)) own.abort(givenUp());
		this.#early.delete(id);
		return {
			signal: AbortSignal.any([signal, own.signal]),
			[Symbol.dispose]: () => {
				same.delete(own);
				if (same.size === 0 && this.#calls.get(id) === same) this.#calls.delete(id);
				this.#remember(this.#over, id);
			},
		};
	}

	giveUp(id: RequestId | undefined): void {
		if (id === undefined) return;
		const [call, ...others] = this.#calls.get(id) ?? [];
		if (call === undefined && !this.#isRecent(this.#over, id)) this.#remember(this.#early, id);
		if (others.length === 0) call?.abort(givenUp());
	}

	#isRecent(times: ReadonlyMap<RequestId, number>, id: RequestId): boolean {
		return this.#now() - (times.get(id) ?? Number.NEGATIVE_INFINITY) < rememberedMs;
	}

	#remember(times: Map<RequestId, number>, id: RequestId): void {
		times.delete(id);
		times.set(id, this.#now());
		const [oldest] = times.keys();
		if (times.size > rememberedMax && oldest !== undefined) times.delete(oldest);
	}
}

const givenUp = (): Error => new Error("the client gave this call up");
