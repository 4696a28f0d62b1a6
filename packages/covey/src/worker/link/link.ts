import {
	CoveyError,
	type ErrorCode,
	errorTable,
	type V2FromWorkerMessage,
	type V2ToWorkerMessage,
	type WorkerOffer,
} from "@covey/protocol";
import type { JoinToken } from "#host/token/token.ts";
import { createBackoff } from "#kit/backoff.ts";
import type { Clock } from "#kit/clock.ts";
import { deferred } from "#kit/deferred.ts";
import type { Logger } from "#kit/logger.ts";
import type { Service } from "#kit/service.ts";
import type { LinkConnection, LinkTransport } from "#ports/link.ts";
import type { WorkerIdentity } from "#worker/identity.ts";
import { readPin } from "./pin.ts";
import { createSession, type Session, type Welcome } from "./session.ts";

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
	/** Lost when not connected. */
	send(message: V2FromWorkerMessage): void;
}

/** `start` resolves at the first welcome and rejects when the coordinator refuses this worker or `signal` aborts. */
export function createLink(options: LinkOptions, listener: LinkListener): Link {
	const { clock, logger, transport } = options;
	const stopped = new AbortController();
	const welcomed = deferred();
	// Whoever starts hears of it; a later refusal goes to the listener.
	welcomed.promise.catch(() => {});
	let session: Session | undefined;
	let running: Promise<void> | undefined;
	const backoff = createBackoff({ ...options.backoff, random: options.random });

	async function run(): Promise<void> {
		let enrol = false;
		while (!stopped.signal.aborted) {
			const { enrolled, met, error } = await carry(enrol);
			if (stopped.signal.aborted) return;
			// The coordinator does not know our key (any more), but we hold a token: introduce ourselves anew.
			enrol = !met && !enrolled && options.token !== undefined && error instanceof CoveyError && error.code === "unauthenticated";
			if (enrol) continue;
			if (error instanceof CoveyError && isFinal(error, met)) {
				logger.error("the coordinator and this worker cannot work together", { error });
				welcomed.reject(error);
				listener.refused(error);
				return;
			}
			logger.warn("no link to the coordinator", { error });
			await clock.sleep(backoff.next(), stopped.signal).catch(() => {});
		}
	}

	/** One connection from its first to its last byte. @returns whether it was welcomed, and why it ended or never came to be. */
	async function carry(enrol: boolean): Promise<{ readonly enrolled: boolean; readonly met: boolean; readonly error: unknown }> {
		let enrolled = enrol;
		try {
			const pin = transport.trusted ? undefined : await readPin(options.stateDirectory);
			const connection = await transport.connect(stopped.signal).catch((error: CoveyError) => {
				// Who has met its coordinator waits out whatever answers in its place; a first join had better be told at once.
				throw pin === undefined ? error : new CoveyError("unavailable", error.message, { cause: error });
			});
			enrolled ||= options.token !== undefined && pin?.name !== options.name;
			const current = createSession(options, connection, { pin, enrol: enrolled });
			const error = await converse(current);
			return { enrolled, met: current.welcome !== undefined, error };
		} catch (error) {
			return { enrolled, met: false, error };
		}
	}

	async function converse(current: Session): Promise<unknown> {
		const { connection } = current;
		const ended = deferred<unknown>();
		connection.listen({
			message(message) {
				const known = current.welcome !== undefined;
				if (!current.hear(message)) listener.message(message);
				else if (!known && current.welcome !== undefined) begin(current, current.welcome);
			},
			end: (cause) => ended.resolve(cause),
		});
		const close = (): void => connection.close();
		stopped.signal.addEventListener("abort", close, { once: true });
		if (stopped.signal.aborted) close();
		current.begin();
		const cause = await ended.promise;
		stopped.signal.removeEventListener("abort", close);
		if (session === current) {
			session = undefined;
			// A coordinator that welcomes and then fails is not come back to in haste.
			if (clock.monotonic() - current.since > options.backoff.maxMs) backoff.reset();
			listener.disconnected();
		}
		await current.end();
		return current.failure ?? cause;
	}

	function begin(current: Session, welcome: Welcome): void {
		session = current;
		listener.connected(welcome, current.since);
		welcomed.resolve();
	}

	return {
		get connection() {
			return session?.connection;
		},
		get token() {
			return session?.token;
		},
		send: (message) => session?.connection.send(message),
		async start(signal) {
			if (options.token === undefined && !transport.trusted && (await readPin(options.stateDirectory)) === undefined) {
				throw new CoveyError("unauthenticated", "this worker has not joined a fleet yet", {
					hint: "make a token with `covey token create join` on the coordinator, then `covey join <url>`",
				});
			}
			signal.throwIfAborted();
			running ??= run();
			const abort = deferred<never>();
			const onAbort = (): void => abort.reject(signal.reason);
			signal.addEventListener("abort", onAbort, { once: true });
			try {
				await Promise.race([welcomed.promise, abort.promise]);
			} catch (error) {
				await this.stop();
				throw error;
			} finally {
				signal.removeEventListener("abort", onAbort);
			}
		},
		async stop() {
			stopped.abort(new CoveyError("unavailable", "this worker is stopping"));
			await running;
		},
		async [Symbol.asyncDispose]() {
			await this.stop();
		},
	};
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
