import type { ServerContext } from "@modelcontextprotocol/server";

type RequestId = string | number;

/** A call's own end: its connection's, or that its client gave it up by another. */
export interface CallUnderWay extends Disposable {
	readonly signal: AbortSignal;
}

/**
 * The calls under way of one asker, for clients of 2025 over HTTP: each of their requests is a connection of its own, and
 * so is the notice that one is given up. Ids are the clients': where two that share a token use the same, nobody is ended.
 */
export class CallsUnderWay {
	readonly #calls = new Map<RequestId, Set<AbortController>>();

	enter({ id, signal }: ServerContext["mcpReq"]): CallUnderWay {
		const own = new AbortController();
		const same = this.#calls.get(id) ?? new Set();
		this.#calls.set(id, same.add(own));
		return {
			signal: AbortSignal.any([signal, own.signal]),
			[Symbol.dispose]: () => {
				same.delete(own);
				if (same.size === 0 && this.#calls.get(id) === same) this.#calls.delete(id);
			},
		};
	}

	giveUp(id: RequestId | undefined): void {
		const [call, ...others] = this.#calls.get(id as RequestId) ?? [];
		if (others.length === 0) call?.abort(new Error("the client gave this call up"));
	}
}
