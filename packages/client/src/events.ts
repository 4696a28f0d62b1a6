import { CoveyError } from "@covey/protocol/errors";
import type { FleetEvent } from "@covey/protocol/events";
import type { ToClient } from "@covey/protocol/socket";
import { Inbox } from "./inbox.ts";
import type { Multiplexer, Subscription } from "./multiplexer.ts";

export interface EventsOptions {
	/** Events after this one. Default: from now on. */
	readonly sequence?: number;
	readonly signal?: AbortSignal;
}

/**
 * The fleet's events, for as long as they are read. After a dropped link they go on behind the last one.
 *
 * @throws CoveyError when the link is closed for good; `signal`'s reason.
 */
export async function* events(multiplexer: Multiplexer, options: EventsOptions = {}): AsyncGenerator<FleetEvent, void, undefined> {
	options.signal?.throwIfAborted();
	const inbox = new Inbox<FleetEvent>();
	const abort = () => inbox.fail(options.signal?.reason);
	options.signal?.addEventListener("abort", abort, { once: true });
	const id = multiplexer.subscribe(new EventReader(inbox, options.sequence));
	try {
		for (let event = await inbox.next(); event !== undefined; event = await inbox.next()) yield event;
	} finally {
		options.signal?.removeEventListener("abort", abort);
		multiplexer.unsubscribe(id);
	}
}

/** Several events share a sequence, so a resumed reader asks from before its last one and skips those it has seen. */
class EventReader implements Subscription {
	#sequence: number | undefined;
	#seen = 0;
	#skip = 0;
	readonly #inbox: Inbox<FleetEvent>;

	constructor(inbox: Inbox<FleetEvent>, sequence: number | undefined) {
		this.#inbox = inbox;
		this.#sequence = sequence;
	}

	open(id: number): unknown {
		this.#skip = this.#seen;
		const sequence = this.#sequence !== undefined && this.#seen > 0 ? this.#sequence - 1 : this.#sequence;
		return { type: "events", id, sequence };
	}

	message(message: ToClient): void {
		if (message.type === "error" || message.type === "closed") this.#inbox.end(message.error && CoveyError.from(message.error));
		else if (message.type === "event") this.#event(message.event);
	}

	#event(event: FleetEvent): void {
		if (event.sequence !== this.#sequence) {
			this.#sequence = event.sequence;
			this.#seen = 0;
			this.#skip = 0;
		}
		if (this.#skip > 0) {
			this.#skip--;
			return;
		}
		this.#seen++;
		this.#inbox.push(event);
	}

	frame(): void {}

	fail(error: CoveyError): void {
		this.#inbox.end(error);
	}
}
