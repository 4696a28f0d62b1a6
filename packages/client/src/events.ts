import { CoveyError } from "@covey/protocol/errors";
import type { FleetEvent } from "@covey/protocol/events";
import type { ToClient } from "@covey/protocol/socket";
import { Inbox } from "./inbox.ts";
import { clientLimits } from "./limits.ts";
import type { Multiplexer, Subscription } from "./multiplexer.ts";

export interface EventsOptions {
	/** Events after this one. Default: from now on. */
	readonly sequence?: number;
	readonly signal?: AbortSignal;
}

/**
 * The fleet's events, for as long as they are read. After a dropped link they go on behind the last one.
 *
 * A reader that falls behind costs a bounded number of events: then the subscription is closed, and opened again behind
 * the last of them once they are read.
 *
 * @throws CoveyError when the link is closed for good, or with `not_found` when the coordinator no longer keeps the
 * events that come next; `signal`'s reason.
 */
export async function* events(multiplexer: Multiplexer, options: EventsOptions = {}): AsyncGenerator<FleetEvent, void, undefined> {
	options.signal?.throwIfAborted();
	const reader = new EventReader(multiplexer, options.sequence);
	const abort = () => reader.inbox.fail(options.signal?.reason);
	options.signal?.addEventListener("abort", abort, { once: true });
	try {
		reader.subscribe();
		for (let event = await reader.next(); event !== undefined; event = await reader.next()) yield event;
	} finally {
		options.signal?.removeEventListener("abort", abort);
		reader.close();
	}
}

/**
 * subscribed → (too much unread) paused → (all read) subscribed …
 *
 * Several events share a sequence, so a resumed reader asks from before its last one and skips those it has seen.
 */
class EventReader implements Subscription {
	readonly inbox = new Inbox<FleetEvent>();
	#id = 0;
	#paused = false;
	#sequence: number | undefined;
	#seen = 0;
	#skip = 0;
	readonly #multiplexer: Multiplexer;

	constructor(multiplexer: Multiplexer, sequence: number | undefined) {
		this.#multiplexer = multiplexer;
		this.#sequence = sequence;
	}

	subscribe(): void {
		this.#paused = false;
		this.#id = this.#multiplexer.subscribe(this);
	}

	async next(): Promise<FleetEvent | undefined> {
		if (this.#paused && this.inbox.size === 0) this.subscribe();
		return this.inbox.next();
	}

	close(): void {
		this.#multiplexer.unsubscribe(this.#id);
	}

	open(id: number): unknown {
		this.#skip = this.#seen;
		const sequence = this.#sequence !== undefined && this.#seen > 0 ? this.#sequence - 1 : this.#sequence;
		return { type: "events", id, sequence };
	}

	message(message: ToClient): void {
		if (message.type === "error" || message.type === "closed") this.inbox.end(message.error && CoveyError.from(message.error));
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
		this.inbox.push(event);
		if (this.inbox.size < clientLimits.eventsUnreadMax) return;
		this.#paused = true;
		this.close();
	}

	frame(): void {}

	fail(error: CoveyError): void {
		this.inbox.end(error);
	}
}
