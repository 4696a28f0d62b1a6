import {
	CoveyError,
	type ErrorCode,
	errorTable,
	type V2FromWorkerMessage,
	type V2ToWorkerMessage,
	type WorkerOffer,
} from "@covey/protocol";
import type { JoinToken } from "#host/token/token.ts";
import { type Backoff, createBackoff } from "#kit/backoff.ts";
import type { Clock } from "#kit/clock.ts";
import { deferred } from "#kit/deferred.ts";
import type { Logger } from "#kit/logger.ts";
import type { Service } from "#kit/service.ts";
import type { LinkConnection, LinkTransport } from "#ports/link.ts";
import type { WorkerIdentity } from "#worker/identity.ts";
import { readPin } from "./pin.ts";
import { Session, type Welcome } from "./session.ts";

export interface LinkOptions {
	readonly transport: LinkTransport;
	readonly name: string;
	readonly instance: string;
	readonly version: string;
	readonly stateDirectory: string;
	/** Not needed by a trusted transport. */
	readonly identity: WorkerIdentity | undefined;
	readonly token: JoinToken | undefined;
	readonly offer: () => WorkerOffer;
	readonly clock: Clock;
	readonly random: () => number;
	readonly logger: Logger;
	/** Reconnecting waits a random part of a window that doubles between these. */
	readonly backoff: { readonly firstMs: number; readonly maxMs: number };
	readonly handshakeTimeoutMs: number;
}

/** Called one after another, never within a call of the link's own functions. */
export interface LinkListener {
	/** `since`: on the monotonic clock, a time before which the coordinator cannot have counted us as connected. */
	connected(welcome: Welcome, since: number): void;
	/** Of a welcomed session, other than what the link itself answers. */
	message(message: V2ToWorkerMessage): void;
	/** Once after each `connected`. */
	disconnected(): void;
	/** The coordinator will not have this worker: no further try is made. */
	refused(error: CoveyError): void;
}

/**
 * disconnected → connecting → introducing → connected → disconnected, until stopped or refused. There is never a
 * second connection: the next one begins when the one before has ended and the backoff is waited out.
 */
export interface Link extends Service {
	/** Of the session, or undefined while there is none. */
	readonly connection: LinkConnection | undefined;
	/** Bearer for packs and artifacts; undefined while there is no session. */
	readonly token: string | undefined;
	/** Where packs and artifacts are, if the coordinator has said that it is elsewhere than the link. */
	readonly httpUrl: string | undefined;
	/** Lost when not connected. */
	send(message: V2FromWorkerMessage): void;
}

/** `start` resolves at the first welcome and rejects when the coordinator refuses this worker or `signal` aborts. */
export function createLink(options: LinkOptions, listener: LinkListener): Link {
	return new LastingLink(options, listener);
}

class LastingLink implements Link {
	readonly #options: LinkOptions;
	readonly #listener: LinkListener;
	readonly #backoff: Backoff;
	readonly #stopped = new AbortController();
	readonly #welcomed = deferred();
	#session: Session | undefined;
	/** As of the last welcome: transfers go on while the link is down. */
	#httpUrl: string | undefined;
	#running: Promise<void> | undefined;

	constructor(options: LinkOptions, listener: LinkListener) {
		this.#options = options;
		this.#listener = listener;
		this.#backoff = createBackoff({ ...options.backoff, random: options.random });
		// Whoever starts hears of it; a later refusal goes to the listener.
		this.#welcomed.promise.catch(() => {});
	}

	get connection(): LinkConnection | undefined {
		return this.#session?.connection;
	}

	get token(): string | undefined {
		return this.#session?.token;
	}

	get httpUrl(): string | undefined {
		return this.#httpUrl;
	}

	send(message: V2FromWorkerMessage): void {
		this.#session?.connection.send(message);
	}

	async start(signal: AbortSignal): Promise<void> {
		await this.#refuseStranger();
		signal.throwIfAborted();
		this.#running ??= this.#run();
		const abort = deferred<never>();
		const onAbort = (): void => abort.reject(signal.reason);
		signal.addEventListener("abort", onAbort, { once: true });
		try {
			await Promise.race([this.#welcomed.promise, abort.promise]);
		} catch (error) {
			await this.stop();
			throw error;
		} finally {
			signal.removeEventListener("abort", onAbort);
		}
	}

	async stop(): Promise<void> {
		this.#stopped.abort(new CoveyError("unavailable", "this worker is stopping"));
		await this.#running;
	}

	[Symbol.asyncDispose](): Promise<void> {
		return this.stop();
	}

	/** @throws CoveyError when nothing is here by which the coordinator could know this worker. */
	async #refuseStranger(): Promise<void> {
		const { token, transport, stateDirectory } = this.#options;
		if (token !== undefined || transport.trusted || (await readPin(stateDirectory)) !== undefined) return;
		throw new CoveyError("unauthenticated", "this worker has not joined a fleet yet", {
			hint: "make a token with `covey token create join` on the coordinator, then `covey join <url>`",
		});
	}

	async #run(): Promise<void> {
		const { clock, logger, token } = this.#options;
		const { signal } = this.#stopped;
		let enrol = false;
		while (!signal.aborted) {
			const { enrolled, met, error } = await this.#carry(enrol);
			if (signal.aborted) return;
			// The coordinator does not know our key (any more), but we hold a token: introduce ourselves anew.
			enrol = !met && !enrolled && token !== undefined && error instanceof CoveyError && error.code === "unauthenticated";
			if (enrol) continue;
			if (error instanceof CoveyError && isFinal(error, met)) {
				logger.error("the coordinator and this worker cannot work together", { error });
				this.#welcomed.reject(error);
				this.#listener.refused(error);
				return;
			}
			logger.warn("no link to the coordinator", { error });
			await clock.sleep(this.#backoff.next(), signal).catch(() => {});
		}
	}

	/** One connection from its first to its last byte. @returns whether it was welcomed, and why it ended or never came to be. */
	async #carry(enrol: boolean): Promise<{ readonly enrolled: boolean; readonly met: boolean; readonly error: unknown }> {
		const { name, stateDirectory, token, transport } = this.#options;
		let enrolled = enrol;
		try {
			const pin = transport.trusted ? undefined : await readPin(stateDirectory);
			const connection = await transport.connect(this.#stopped.signal).catch((error: CoveyError) => {
				// Who has met its coordinator waits out whatever answers in its place; a first join had better be told at once.
				throw pin === undefined ? error : new CoveyError("unavailable", error.message, { cause: error });
			});
			enrolled ||= token !== undefined && pin?.name !== name;
			const session = new Session(this.#options, connection, { pin, enrol: enrolled });
			const error = await this.#converse(session);
			return { enrolled, met: session.welcome !== undefined, error };
		} catch (error) {
			return { enrolled, met: false, error };
		}
	}

	/** @returns why it ended. */
	async #converse(session: Session): Promise<unknown> {
		const { connection } = session;
		const ended = deferred<unknown>();
		connection.listen({ message: (message) => this.#hear(session, message), end: ended.resolve });
		const { signal } = this.#stopped;
		const close = (): void => connection.close();
		signal.addEventListener("abort", close, { once: true });
		if (signal.aborted) close();
		session.begin();
		const cause = await ended.promise;
		signal.removeEventListener("abort", close);
		if (this.#session === session) this.#lose(session);
		await session.end();
		return session.failure ?? cause;
	}

	#hear(session: Session, message: V2ToWorkerMessage): void {
		const known = session.welcome !== undefined;
		if (!session.hear(message)) {
			this.#listener.message(message);
		} else if (!known && session.welcome !== undefined) {
			this.#session = session;
			this.#httpUrl = httpUrlOf(this.#options.transport, session.welcome);
			this.#listener.connected(session.welcome, session.since);
			this.#welcomed.resolve();
		}
	}

	#lose(session: Session): void {
		const { clock, backoff } = this.#options;
		this.#session = undefined;
		// A coordinator that welcomes and then fails is not come back to in haste.
		if (clock.monotonic() - session.since > backoff.maxMs) this.#backoff.reset();
		this.#listener.disconnected();
	}
}

function httpUrlOf({ url }: LinkTransport, { httpPort }: Welcome): string | undefined {
	if (httpPort === undefined) return undefined;
	const elsewhere = new URL(url);
	elsewhere.port = String(httpPort);
	return elsewhere.origin;
}

/** What a welcomed worker is sent away with for good: its key no longer counts, or another process has its name. */
const finalOnceMet: ReadonlySet<ErrorCode> = new Set(["forbidden", "name_in_use"]);

/**
 * The coordinator will not have this worker, now or later. Once it was welcomed, a fault of one session says little:
 * it introduces itself again, and is refused then if it must be.
 */
function isFinal({ code }: CoveyError, met: boolean): boolean {
	if (met) return finalOnceMet.has(code);
	return errorTable[code].retry === "never" && code !== "internal";
}
