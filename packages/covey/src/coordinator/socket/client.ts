import type { Duplex } from "node:stream";
import {
	apiVersions,
	CoveyError,
	errorTable,
	type FleetEvent,
	type FromClient,
	type SocketEvents,
	socketLimits,
	type WireError,
} from "@covey/protocol";
import type WebSocket from "ws";
import type { z } from "zod";
import type { Principal } from "#coordinator/auth/principal.ts";
import { asCoveyError } from "#coordinator/http/answer.ts";
import { mayHear } from "#coordinator/http/event-routes.ts";
import type { Logs } from "#coordinator/logs/log.ts";
import { callOperation } from "#coordinator/operations/call.ts";
import type { Handlers, OperationContext } from "#coordinator/operations/context.ts";
import type { Logger } from "#kit/logger.ts";
import { version } from "#kit/version.ts";
import { Follow } from "./follow.ts";
import { decodeFromClient } from "./message.ts";
import { Outlet } from "./outlet.ts";

export interface ClientOptions {
	readonly webSocket: WebSocket;
	readonly socket: Duplex;
	readonly principal: Principal;
	readonly handlers: Handlers;
	readonly context: OperationContext;
	readonly logs: Logs;
	readonly logger: Logger;
}

interface Subscription {
	readonly controller: AbortController;
	readonly follow?: Follow;
}

/**
 * One client on its socket: calls in flight, answered in any order, and subscriptions by the client's own ids.
 * Whoever sends what is not of this protocol, or does not read, is disconnected.
 */
export class Client {
	readonly #options: ClientOptions;
	readonly #outlet: Outlet;
	readonly #subscriptions = new Map<number, Subscription>();
	/** Aborts with the connection. Operations may wait on it. */
	readonly #gone = new AbortController();
	#calls = 0;

	constructor(options: ClientOptions) {
		this.#options = options;
		const { webSocket, socket, context } = options;
		this.#outlet = new Outlet(webSocket, socket);
		webSocket.on("message", (data: Buffer, binary) => this.#receive(data, binary));
		webSocket.once("close", () => this.#end());
		this.#outlet.send({ type: "welcome", protocol: apiVersions, version, coordinator: context.identity.coordinator });
	}

	#receive(data: Buffer, binary: boolean): void {
		try {
			if (binary) throw new CoveyError("bad_request", "clients send no binary frames");
			if (this.#outlet.overflown) throw new CoveyError("too_many", "this client does not read its answers");
			this.#take(decodeFromClient(data.toString("utf8")));
		} catch (error) {
			const { code, message } = asCoveyError(error);
			this.#options.webSocket.close(errorTable[code].close, message.slice(0, 100));
		}
	}

	#take(message: FromClient): void {
		switch (message.type) {
			case "call":
				this.#call(message);
				break;
			case "follow":
				this.#follow(message);
				break;
			case "events":
				this.#events(message);
				break;
			case "credit":
				this.#subscriptions.get(message.id)?.follow?.grant(message.bytes);
				break;
			case "close":
				this.#close(message.id);
				break;
		}
	}

	#call({ id, operation, input }: Extract<FromClient, { type: "call" }>): void {
		if (this.#calls >= socketLimits.callsInFlightMax) {
			this.#refuse(id, new CoveyError("too_many", `${this.#calls} calls of this client are in flight`, { retryAfterMs: 100 }));
			return;
		}
		this.#calls++;
		const { handlers, principal } = this.#options;
		void (async () => callOperation(handlers, operation, input, { principal, signal: this.#gone.signal }))()
			.then(
				(output) => this.#outlet.sendText(`{"type":"result","id":${id},"output":${JSON.stringify(output)}}`),
				(error: unknown) => this.#refuse(id, error, operation),
			)
			.finally(() => this.#calls--);
	}

	#refuse(id: number, error: unknown, operation?: string): void {
		if (!(error instanceof CoveyError)) this.#options.logger.error("a call failed", { operation, error });
		this.#outlet.send({ type: "error", id, error: asCoveyError(error).toWire() });
	}

	#follow(request: Extract<FromClient, { type: "follow" }>): void {
		const { id } = request;
		const controller = this.#subscribe(id);
		if (!controller) return;
		const follow = new Follow({ ...this.#options, outlet: this.#outlet, request, signal: controller.signal });
		this.#subscriptions.set(id, { controller, follow });
		void follow.run().then(
			() => this.#closed(id, controller),
			(error: unknown) => this.#closed(id, controller, error),
		);
	}

	#events({ id, sequence }: z.output<typeof SocketEvents>): void {
		const controller = this.#subscribe(id);
		if (!controller) return;
		const { context, principal, webSocket } = this.#options;
		const tell = (event: FleetEvent) => {
			if (!mayHear(principal, event)) return;
			this.#outlet.send({ type: "event", id, event });
			if (this.#outlet.overflown) webSocket.terminate();
		};
		const subscription = context.feed.subscribe(sequence, tell);
		if (!subscription) {
			const error = new CoveyError("not_found", `events after ${sequence} are no longer kept`, {
				hint: "look at the whole state, then ask for events from now on",
			});
			this.#closed(id, controller, error);
			return;
		}
		controller.signal.addEventListener("abort", () => subscription[Symbol.dispose]());
	}

	/** @returns undefined, having said so, when there may be no more. */
	#subscribe(id: number): AbortController | undefined {
		const taken = this.#subscriptions.has(id);
		if (taken || this.#subscriptions.size >= socketLimits.subscriptionsMax) {
			const error = taken
				? new CoveyError("conflict", `the subscription ${id} is open already`)
				: new CoveyError("too_many", `this client has ${socketLimits.subscriptionsMax} subscriptions`, { retryAfterMs: 1000 });
			this.#refuse(id, error);
			return undefined;
		}
		const controller = new AbortController();
		this.#subscriptions.set(id, { controller });
		return controller;
	}

	#close(id: number): void {
		this.#subscriptions.get(id)?.controller.abort(new CoveyError("unavailable", "the subscription was closed"));
		this.#subscriptions.delete(id);
	}

	/** From this side. A subscription that the client closed hears nothing more: its id may be in use again. */
	#closed(id: number, controller: AbortController, error?: unknown): void {
		if (this.#subscriptions.get(id)?.controller !== controller) return;
		this.#subscriptions.delete(id);
		if (error !== undefined && !(error instanceof CoveyError)) this.#options.logger.error("a subscription failed", { error });
		const refusal: { error?: WireError } = error === undefined ? {} : { error: asCoveyError(error).toWire() };
		this.#outlet.send({ type: "closed", id, ...refusal });
	}

	#end(): void {
		const gone = new CoveyError("unavailable", "the client went away");
		this.#gone.abort(gone);
		for (const { controller } of this.#subscriptions.values()) controller.abort(gone);
		this.#subscriptions.clear();
	}
}
