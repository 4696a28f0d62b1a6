import { CoveyError } from "@covey/protocol/errors";
import { decodeFrame, type OutputFrame } from "@covey/protocol/frames";
import { wireLimits } from "@covey/protocol/limits";
import type { ToClient } from "@covey/protocol/socket";
import { clientLimits } from "./limits.ts";
import { Link, type LinkOptions } from "./link.ts";

/**
 * Calls and subscriptions over one link.
 *
 * A call is *unsent*, then *in flight*, then answered. When the link drops, calls in flight that may be repeated become
 * unsent again; the others fail, because nobody knows what became of them. A subscription outlives links: it is opened
 * again on each, with the place that it has reached.
 */
export interface Subscription {
	/** The message that opens it (again) under `id`. */
	open(id: number): unknown;
	message(message: ToClient): void;
	frame(frame: OutputFrame): void;
	fail(error: CoveyError): void;
}

interface Call {
	readonly id: number;
	readonly text: string;
	readonly repeatable: boolean;
	readonly resolve: (output: unknown) => void;
	readonly reject: (error: unknown) => void;
}

/** The last number is kept for the link's own questions. */
const idMax = 0xffff_fffe;

export class Multiplexer {
	#lastId = 0;
	#unsent: Call[] = [];
	readonly #inFlight = new Map<number, Call>();
	readonly #subscriptions = new Map<number, Subscription>();
	readonly #link: Link;
	#closed: CoveyError | undefined;

	constructor(options: Omit<LinkOptions, "handlers">) {
		this.#link = new Link({
			...options,
			handlers: {
				up: () => this.#up(),
				down: () => this.#down(),
				closed: (error) => this.#close(error),
				message: (message) => this.#message(message),
				frame: (bytes) => this.#frame(bytes),
				busy: () => this.#inFlight.size + this.#unsent.length + this.#subscriptions.size > 0,
			},
		});
	}

	open(): Promise<void> {
		return this.#link.open();
	}

	close(error: CoveyError): void {
		this.#link.close(error);
	}

	/**
	 * @param input the operation's input as JSON text.
	 * @param repeatable may be sent again when the link drops before the answer.
	 * @throws CoveyError `too_large` here, because the coordinator would drop the link over it, at every try.
	 */
	call(operation: string, input: string, repeatable: boolean): Promise<unknown> {
		if (this.#closed) return Promise.reject(this.#closed);
		const { promise, resolve, reject } = Promise.withResolvers<unknown>();
		const id = this.#nextId();
		const text = `{"type":"call","id":${id},"operation":${JSON.stringify(operation)},"input":${input}}`;
		const tooLarge = refuseTooLarge(operation, text);
		if (tooLarge) return Promise.reject(tooLarge);
		this.#unsent.push({ id, text, repeatable, resolve, reject });
		this.#pump();
		return promise;
	}

	/** @returns its id; the subscription fails at once when the link is closed for good. */
	subscribe(subscription: Subscription): number {
		const id = this.#nextId();
		if (this.#closed) subscription.fail(this.#closed);
		else this.#subscriptions.set(id, subscription);
		if (this.#link.up) this.#send(subscription.open(id));
		return id;
	}

	/** Tells the coordinator something about an open subscription; nothing while the link is down. */
	tell(message: { readonly type: "credit"; readonly id: number; readonly bytes: number }): void {
		if (this.#link.up) this.#send(message);
	}

	/** Ends it here and there. Harmless twice. */
	unsubscribe(id: number): void {
		if (this.#subscriptions.delete(id) && this.#link.up) this.#send({ type: "close", id });
	}

	#up(): void {
		for (const [id, subscription] of this.#subscriptions) this.#send(subscription.open(id));
		this.#pump();
	}

	#down(): void {
		const calls = [...this.#inFlight.values()];
		this.#inFlight.clear();
		this.#unsent = [...calls.filter((call) => call.repeatable), ...this.#unsent];
		for (const call of calls) {
			if (call.repeatable) continue;
			call.reject(
				new CoveyError("unavailable", "the link to the coordinator dropped before its answer: it may have done what was asked, or not", {
					hint: "look before asking again",
				}),
			);
		}
	}

	#close(error: CoveyError): void {
		this.#closed = error;
		for (const call of [...this.#inFlight.values(), ...this.#unsent]) call.reject(error);
		this.#inFlight.clear();
		this.#unsent = [];
		for (const subscription of this.#subscriptions.values()) subscription.fail(error);
		this.#subscriptions.clear();
	}

	#pump(): void {
		if (!this.#link.up) return;
		while (this.#inFlight.size < clientLimits.callsInFlightMax) {
			const call = this.#unsent.shift();
			if (!call) return;
			this.#inFlight.set(call.id, call);
			this.#link.send(call.text);
		}
	}

	#message(message: ToClient): void {
		if (!("id" in message)) return;
		const call = this.#inFlight.get(message.id);
		if (call) this.#answer(call, message);
		else this.#inform(message);
	}

	#answer(call: Call, message: ToClient): void {
		this.#inFlight.delete(call.id);
		if (message.type === "result") call.resolve(message.output);
		else if (message.type === "error") call.reject(CoveyError.from(message.error));
		this.#pump();
	}

	#inform(message: Extract<ToClient, { id: number }>): void {
		const subscription = this.#subscriptions.get(message.id);
		if (message.type === "error" || message.type === "closed") this.#subscriptions.delete(message.id);
		subscription?.message(message);
	}

	#frame(bytes: Uint8Array): void {
		const frame = decodeFrame(bytes);
		if (frame) this.#subscriptions.get(frame.channel)?.frame(frame);
	}

	#send(message: unknown): void {
		this.#link.send(JSON.stringify(message));
	}

	#nextId(): number {
		do this.#lastId = (this.#lastId % idMax) + 1;
		while (this.#subscriptions.has(this.#lastId) || this.#inFlight.has(this.#lastId));
		return this.#lastId;
	}
}

function refuseTooLarge(operation: string, text: string): CoveyError | undefined {
	const { messageBytesMax } = wireLimits;
	// A character takes at most three bytes, so most messages need not be counted.
	if (text.length * 3 <= messageBytesMax) return undefined;
	const bytes = new TextEncoder().encode(text).length;
	if (bytes <= messageBytesMax) return undefined;
	return new CoveyError("too_large", `the message ${operation} has ${bytes} bytes; the limit is ${messageBytesMax}`, {
		hint: "put large content into the worktree, which travels as files",
	});
}
