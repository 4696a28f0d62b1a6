import { CoveyError, type ErrorCode, errorTable } from "@covey/protocol/errors";
import type { ToClient } from "@covey/protocol/socket";
import { apiVersions, negotiate } from "@covey/protocol/versions";
import { clientLimits } from "./limits.ts";
import type { WebSocketLike } from "./web-socket.ts";

/**
 * One coordinator's socket, kept up.
 *
 *     idle ─open→ dialling ─welcome→ up ─drop→ waiting ─backoff→ dialling …
 *     any ─close, a refusal that no retry mends, giveUpMs without a link→ closed
 *
 * Nothing is resent here: `up` tells the owner that a fresh socket is there, `down` that what was in flight is unknown.
 */
export interface LinkOptions {
	dial(): WebSocketLike;
	/** What the coordinator is called in messages. */
	readonly address: string;
	readonly reconnect: boolean;
	/** Told of drops and returns; not of the first connection nor of the end. */
	readonly onLink?: (state: "down" | "up") => void;
	/** Told once of the end of an opened link. */
	readonly onClosed?: () => void;
	readonly handlers: LinkHandlers;
}

export interface LinkHandlers {
	up(): void;
	down(): void;
	/** Once, and nothing comes after it. */
	closed(error: CoveyError): void;
	message(message: ToClient): void;
	frame(bytes: Uint8Array): void;
	/** Does anything wait for the coordinator? Only then is a silent link asked for life. */
	busy(): boolean;
}

export class Link {
	#state: "idle" | "dialling" | "up" | "waiting" | "closed" = "idle";
	#socket: WebSocketLike | undefined;
	#dialling: WebSocketLike | undefined;
	#timer: ReturnType<typeof setTimeout> | undefined;
	#heardAt = 0;
	#downSince = 0;
	#windowMs: number = clientLimits.reconnectFirstMs;
	readonly #options: LinkOptions;

	constructor(options: LinkOptions) {
		this.#options = options;
	}

	get up(): boolean {
		return this.#state === "up";
	}

	/** The first connection. @throws CoveyError when it cannot be made; it is not tried again. */
	async open(): Promise<void> {
		this.#state = "dialling";
		try {
			await this.#dial();
		} catch (error) {
			this.#state = "closed";
			throw error;
		}
	}

	/** Only while up. */
	send(text: string): void {
		this.#socket?.send(text);
	}

	close(error: CoveyError): void {
		if (this.#state === "closed") return;
		this.#state = "closed";
		clearTimeout(this.#timer);
		this.#socket?.close(1000);
		this.#socket = undefined;
		this.#dialling?.close();
		this.#options.handlers.closed(error);
		this.#options.onClosed?.();
	}

	#dial(): Promise<void> {
		const { promise, resolve, reject } = Promise.withResolvers<void>();
		const socket = this.#call();
		this.#dialling = socket;
		let cause: unknown;
		let settled = false;
		const end = (error: CoveyError) => {
			if (settled && this.#socket !== socket) return;
			const wasUp = this.#socket === socket;
			settled = true;
			if (this.#dialling === socket) this.#dialling = undefined;
			clearTimeout(timer);
			socket.onopen = socket.onmessage = socket.onclose = null;
			socket.onerror = () => {};
			if (wasUp) this.#dropped(error);
			else reject(error);
		};
		const timer = setTimeout(() => {
			end(new CoveyError("timeout", `${this.#options.address} did not answer within ${clientLimits.welcomeMs / 1000} s`));
			socket.close();
		}, clientLimits.welcomeMs);
		socket.onerror = (event: { error?: unknown }) => {
			cause ??= event.error;
		};
		socket.onclose = (event: { code: number; reason: string }) => end(this.#explainClose(event.code, event.reason, cause));
		socket.onmessage = (event: { data: unknown }) => {
			this.#heardAt = Date.now();
			if (typeof event.data !== "string") return this.#options.handlers.frame(bytesOf(event.data));
			const message = parse(event.data);
			if (settled) return message && this.#options.handlers.message(message);
			const refusal = refuseWelcome(message, this.#options.address);
			if (refusal) {
				end(refusal);
				return socket.close();
			}
			settled = true;
			clearTimeout(timer);
			this.#welcome(socket);
			resolve();
		};
		return promise;
	}

	/** Whatever a dialler throws is a coordinator that cannot be reached. */
	#call(): WebSocketLike {
		try {
			return this.#options.dial();
		} catch (cause) {
			throw this.#explainClose(1006, "", cause);
		}
	}

	#welcome(socket: WebSocketLike): void {
		this.#dialling = undefined;
		if (this.#state === "closed") {
			socket.close(1000);
			return;
		}
		this.#state = "up";
		this.#socket = socket;
		this.#windowMs = clientLimits.reconnectFirstMs;
		this.#watch();
		this.#options.handlers.up();
	}

	/** A half-open link says nothing for ever, and a browser cannot ping: so a silent one is asked something cheap. */
	#watch(): void {
		this.#timer = setTimeout(() => {
			const silentMs = Date.now() - this.#heardAt;
			if (silentMs < clientLimits.silenceMs || !this.#options.handlers.busy()) return this.#watch();
			this.send('{"type":"call","id":4294967295,"operation":"fleet.status","input":{}}');
			this.#timer = setTimeout(() => {
				if (Date.now() - this.#heardAt < clientLimits.silenceMs) return this.#watch();
				this.#socket?.close();
				this.#dropped(new CoveyError("unavailable", `${this.#options.address} went silent`));
			}, clientLimits.lifeMs);
		}, clientLimits.silenceMs);
	}

	#dropped(error: CoveyError): void {
		clearTimeout(this.#timer);
		this.#socket = undefined;
		if (this.#state === "closed") return;
		this.#downSince = Date.now();
		this.#options.handlers.down();
		if (this.#options.reconnect && !isFinal(error)) this.#options.onLink?.("down");
		this.#wait(error);
	}

	#wait(error: CoveyError): void {
		if (!this.#options.reconnect || isFinal(error) || Date.now() - this.#downSince > clientLimits.giveUpMs) {
			this.close(error);
			return;
		}
		this.#state = "waiting";
		this.#timer = setTimeout(() => void this.#again(), Math.random() * this.#windowMs);
		this.#windowMs = Math.min(this.#windowMs * 2, clientLimits.reconnectMaxMs);
	}

	async #again(): Promise<void> {
		this.#state = "dialling";
		try {
			await this.#dial();
			if (this.up) this.#options.onLink?.("up");
		} catch (error) {
			if ((this.#state as string) !== "closed") this.#wait(error as CoveyError);
		}
	}

	#explainClose(code: number, reason: string, cause: unknown): CoveyError {
		if (cause instanceof CoveyError) return cause;
		const known = (Object.keys(errorTable) as ErrorCode[]).find((name) => errorTable[name].close === code);
		if (known) return new CoveyError(known, reason || `${this.#options.address} closed the connection (${known})`);
		if (code === 1008 || code === 1009) return new CoveyError("too_large", reason || `${this.#options.address} refused a message`);
		const why = cause instanceof Error && cause.message !== "" ? `: ${cause.message}` : reason && `: ${reason}`;
		return new CoveyError("unavailable", `${this.#options.address} cannot be reached${why}`, { cause });
	}
}

/** No use in dialling again: it would be refused again. */
const isFinal = (error: CoveyError): boolean => errorTable[error.code].retry === "never";

function parse(text: string): ToClient | undefined {
	try {
		const message = JSON.parse(text) as ToClient;
		return typeof message?.type === "string" ? message : undefined;
	} catch {
		return undefined;
	}
}

function refuseWelcome(message: ToClient | undefined, address: string): CoveyError | undefined {
	if (message?.type !== "welcome") return new CoveyError("version_mismatch", `${address} does not speak Covey's client protocol`);
	if (negotiate(apiVersions, message.protocol) !== undefined) return undefined;
	return new CoveyError(
		"version_mismatch",
		`${address} runs Covey ${message.version} and speaks versions ${message.protocol.join(" to ")} of the client API; this client speaks ${apiVersions.join(" to ")}`,
		{ hint: "bring both to the same version of Covey" },
	);
}

function bytesOf(data: unknown): Uint8Array {
	return data instanceof Uint8Array ? data : new Uint8Array(data as ArrayBuffer);
}
