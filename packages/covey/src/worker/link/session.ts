import { CoveyError, type V2ToWorkerMessage } from "@covey/protocol";
import { renewText } from "@covey/protocol/proof";
import { fingerprintOf } from "#host/token/token.ts";
import type { LinkConnection } from "#ports/link.ts";
import { createHandshake, type Handshake } from "./handshake.ts";
import type { LinkOptions } from "./link.ts";
import { type Pin, writePin } from "./pin.ts";

export type Welcome = Extract<V2ToWorkerMessage, { type: "welcome" }>;

/** How the worker and the coordinator stand to each other when they meet. */
interface Acquaintance {
	readonly pin: Pin | undefined;
	/** Show the join token; else the worker is known by its key. */
	readonly enrol: boolean;
}

/** What one connection has come to: introducing → welcomed, or failed. Its end is the connection's. */
export class Session {
	readonly connection: LinkConnection;
	readonly #options: LinkOptions;
	readonly #acquaintance: Acquaintance;
	/** A trusted transport needs none. */
	readonly #handshake: Handshake | undefined;
	#since: number;
	#welcome: Welcome | undefined;
	#token: string | undefined;
	#failure: CoveyError | undefined;
	#trusted: Pin | undefined;
	#timer: NodeJS.Timeout | undefined;
	#pinning: Promise<void> | undefined;

	constructor(options: LinkOptions, connection: LinkConnection, acquaintance: Acquaintance) {
		this.connection = connection;
		this.#options = options;
		this.#acquaintance = acquaintance;
		this.#since = options.clock.monotonic();
		const { identity, token } = options;
		this.#handshake =
			identity &&
			createHandshake({
				identity,
				name: options.name,
				instance: options.instance,
				version: options.version,
				token: acquaintance.enrol ? token : undefined,
				fingerprint: acquaintance.pin?.fingerprint ?? token?.fingerprint,
			});
	}

	get welcome(): Welcome | undefined {
		return this.#welcome;
	}

	/** The coordinator cannot have counted us as connected before this monotonic time. */
	get since(): number {
		return this.#since;
	}

	get token(): string | undefined {
		return this.#token;
	}

	/** What went wrong on purpose, ours or theirs. */
	get failure(): CoveyError | undefined {
		return this.#failure;
	}

	begin(): void {
		const late = new CoveyError("timeout", "the coordinator did not welcome this worker in time");
		this.#timer = setTimeout(() => this.fail(late), this.#options.handshakeTimeoutMs);
		if (this.#handshake !== undefined) this.connection.send(this.#handshake.hello);
	}

	/** @returns true when the session took it for itself: the handshake, pings, renewals, refusals. */
	hear(message: V2ToWorkerMessage): boolean {
		const known = this.#welcome !== undefined;
		if (message.type === "challenge" && !known) this.#prove(message);
		else if (message.type === "welcome" && !known) this.#welcomed(message);
		else if (message.type === "renewed") this.#renewLater(message);
		else if (message.type === "refusal") this.fail(CoveyError.from(message.error));
		else if (message.type === "ping") this.connection.send({ type: "pong" });
		// Before the welcome nothing else means anything.
		else return !known;
		return true;
	}

	/** Ends the connection for this reason. */
	fail(error: CoveyError): void {
		this.#failure ??= error;
		this.connection.close();
	}

	/** After the connection's end. Resolves when the coordinator's key is on disk, if it had to be. */
	async end(): Promise<void> {
		clearTimeout(this.#timer);
		await this.#pinning;
	}

	#prove(challenge: Extract<V2ToWorkerMessage, { type: "challenge" }>): void {
		const { clock, name, offer } = this.#options;
		try {
			if (this.#handshake === undefined) throw new CoveyError("bad_request", "the coordinator asks a trusted worker for proof");
			const proof = this.#handshake.answer(challenge, offer());
			const fingerprint = fingerprintOf(Buffer.from(challenge.publicKey, "base64"));
			this.#trusted = { fingerprint, coordinator: challenge.coordinator, name };
			this.#since = clock.monotonic();
			this.connection.send(proof);
		} catch (error) {
			if (!(error instanceof CoveyError)) throw error;
			this.fail(error);
		}
	}

	#welcomed(message: Welcome): void {
		const { transport, offer } = this.#options;
		clearTimeout(this.#timer);
		if (this.#trusted === undefined && !transport.trusted) {
			this.fail(new CoveyError("forbidden", "the coordinator did not prove that it holds its key"));
			return;
		}
		this.#welcome = message;
		this.#remember();
		this.#renewLater(message);
		// Nobody has asked it what it offers.
		if (transport.trusted) this.connection.send({ type: "offer", offer: offer() });
	}

	#remember(): void {
		const { pin, enrol } = this.#acquaintance;
		if (this.#trusted === undefined || (pin !== undefined && !enrol)) return;
		const { stateDirectory, logger } = this.#options;
		this.#pinning = writePin(stateDirectory, this.#trusted).catch((error) =>
			logger.error("the coordinator's key could not be remembered: the next start needs a new join token", { error }),
		);
	}

	/** At two thirds of its life. */
	#renewLater(given: { readonly token: string; readonly tokenTtlMs: number; readonly renewal: string }): void {
		this.#token = given.token;
		const { identity } = this.#options;
		if (this.#welcome === undefined || identity === undefined) return;
		const signature = identity.sign(renewText(this.#welcome.session, given.renewal));
		const afterMs = Math.min((given.tokenTtlMs * 2) / 3, timerMsMax);
		this.#timer = setTimeout(() => this.connection.send({ type: "renew", signature }), afterMs);
	}
}

/** What a timer of Node holds. */
const timerMsMax = 2 ** 31 - 1;
