import { CoveyError, type V2ToWorkerMessage } from "@covey/protocol";
import { renewText } from "@covey/protocol/proof";
import { fingerprintOf } from "#host/token/token.ts";
import type { LinkConnection } from "#ports/link.ts";
import { createHandshake } from "./handshake.ts";
import type { LinkOptions } from "./link.ts";
import { type Pin, writePin } from "./pin.ts";

export type Welcome = Extract<V2ToWorkerMessage, { type: "welcome" }>;

/** What one connection has come to: introducing → welcomed, or failed. Its end is the connection's. */
export interface Session {
	readonly connection: LinkConnection;
	readonly welcome: Welcome | undefined;
	/** The coordinator cannot have counted us as connected before this monotonic time. */
	readonly since: number;
	readonly token: string | undefined;
	/** What went wrong on purpose, ours or theirs. */
	readonly failure: CoveyError | undefined;
	begin(): void;
	/** True when the session took it for itself: the handshake, pings, renewals, refusals. */
	hear(message: V2ToWorkerMessage): boolean;
	/** Ends the connection for this reason. */
	fail(error: CoveyError): void;
	/** After the connection's end. Resolves when the coordinator's key is on disk, if it had to be. */
	end(): Promise<void>;
}

/** `enrol`: shows the join token; else the worker is known by its key. */
export function createSession(
	options: LinkOptions,
	connection: LinkConnection,
	introduction: { readonly pin: Pin | undefined; readonly enrol: boolean },
): Session {
	const { clock, identity, transport } = options;
	let since = clock.monotonic();
	let welcome: Welcome | undefined;
	let token: string | undefined;
	let failure: CoveyError | undefined;
	let trusted: Pin | undefined;
	let timer: NodeJS.Timeout | undefined;
	let pinning: Promise<void> | undefined;
	const handshake =
		identity === undefined
			? undefined
			: createHandshake({
					identity,
					name: options.name,
					instance: options.instance,
					version: options.version,
					token: introduction.enrol ? options.token : undefined,
					fingerprint: introduction.pin?.fingerprint ?? options.token?.fingerprint,
				});

	function fail(error: CoveyError): void {
		failure ??= error;
		connection.close();
	}

	function prove(challenge: Extract<V2ToWorkerMessage, { type: "challenge" }>): void {
		try {
			if (handshake === undefined) throw new CoveyError("bad_request", "the coordinator asks a trusted worker for proof");
			const proof = handshake.answer(challenge, options.offer());
			trusted = {
				fingerprint: fingerprintOf(Buffer.from(challenge.publicKey, "base64")),
				coordinator: challenge.coordinator,
				name: options.name,
			};
			since = clock.monotonic();
			connection.send(proof);
		} catch (error) {
			if (!(error instanceof CoveyError)) throw error;
			fail(error);
		}
	}

	function welcomed(message: Welcome): void {
		clearTimeout(timer);
		if (trusted === undefined && !transport.trusted) {
			fail(new CoveyError("forbidden", "the coordinator did not prove that it holds its key"));
			return;
		}
		welcome = message;
		if (trusted !== undefined && (introduction.enrol || introduction.pin === undefined)) {
			pinning = writePin(options.stateDirectory, trusted).catch((error) =>
				options.logger.error("the coordinator's key could not be remembered: the next start needs a new join token", { error }),
			);
		}
		renewLater(message);
		// Nobody has asked it what it offers.
		if (transport.trusted) connection.send({ type: "offer", offer: options.offer() });
	}

	/** At two thirds of its life. */
	function renewLater(given: { readonly token: string; readonly tokenTtlMs: number; readonly renewal: string }): void {
		token = given.token;
		if (welcome === undefined || identity === undefined) return;
		const signature = identity.sign(renewText(welcome.session, given.renewal));
		// A timer of Node holds at most 2^31 - 1 ms.
		timer = setTimeout(() => connection.send({ type: "renew", signature }), Math.min((given.tokenTtlMs * 2) / 3, 2 ** 31 - 1));
	}

	return {
		connection,
		get welcome() {
			return welcome;
		},
		get since() {
			return since;
		},
		get token() {
			return token;
		},
		get failure() {
			return failure;
		},
		begin() {
			timer = setTimeout(
				() => fail(new CoveyError("timeout", "the coordinator did not welcome this worker in time")),
				options.handshakeTimeoutMs,
			);
			if (handshake !== undefined) connection.send(handshake.hello);
		},
		hear(message) {
			if (message.type === "challenge" && welcome === undefined) prove(message);
			else if (message.type === "welcome" && welcome === undefined) welcomed(message);
			else if (message.type === "renewed") renewLater(message);
			else if (message.type === "refusal") fail(CoveyError.from(message.error));
			else if (message.type === "ping") connection.send({ type: "pong" });
			// Before the welcome nothing else means anything.
			else return welcome === undefined;
			return true;
		},
		fail,
		async end() {
			clearTimeout(timer);
			await pinning;
		},
	};
}
