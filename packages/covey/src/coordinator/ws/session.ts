import { CoveyError, renewText, type V2FromWorkerMessage, type V2ToWorkerMessage, type WorkerOffer } from "@covey/protocol";
import type { CoordinatorIdentity } from "#coordinator/identity/identity.ts";
import { createNonce, isSignedBy } from "#coordinator/identity/proof.ts";
import type { IssuedSessionTokens } from "#coordinator/identity/session-tokens.ts";
import type { Logs } from "#coordinator/logs/log.ts";
import type { Effect } from "#core/effect.ts";
import { limits } from "#core/limits.ts";
import type { Clock } from "#kit/clock.ts";
import type { Logger } from "#kit/logger.ts";
import { version } from "#kit/version.ts";
import type { Control } from "#ports/control.ts";
import type { CoordinatorSideConnection } from "./connection.ts";
import { Heartbeat } from "./heartbeat.ts";
import { linkLimits } from "./limits.ts";
import { Output } from "./output.ts";
import { badMessage, refuse } from "./refusal.ts";

export interface LinkContext {
	readonly control: Control;
	readonly logs: Logs;
	readonly identity: CoordinatorIdentity;
	readonly sessionTokens: IssuedSessionTokens;
	readonly clock: Clock;
	readonly logger: Logger;
	/** As configured; `core/limits.ts` has the defaults. The lease is the fleet's own. */
	readonly leaseTtlMs?: number;
	readonly syncMs?: number;
	readonly pingMs?: number;
	readonly pongMs?: number;
}

export interface Introduced {
	readonly worker: string;
	readonly session: string;
	readonly instance: string;
	readonly protocol: number;
	readonly namespaces: readonly string[];
	/** Checks renewals; undefined: the session needs none (embedded, v1). */
	readonly publicKey?: string;
	/** Where packs and artifacts are; undefined: at the port of the connection. */
	readonly httpPort?: number;
}

type SessionEffect = Exclude<Effect, { type: "reply" | "notify" }>;

/**
 * One connection of one worker, from its welcome to its end.
 *
 * States: connecting (effects may come already, and wait) → welcome → ended. Everything it hears becomes an event that
 * carries the session's id, so what comes late from an old connection can never touch the new one.
 */
export class Session {
	readonly worker: string;
	readonly id: string;
	readonly #context: LinkContext;
	readonly #introduced: Introduced;
	readonly #connection: CoordinatorSideConnection;
	readonly #onEnd: () => void;
	readonly #output: Output;
	readonly #heartbeat: Heartbeat;
	/** Effects that came before the welcome. */
	#early: SessionEffect[] | undefined = [];
	#token: string | undefined;
	#renewal = "";
	#renewedAt = 0;
	#ended = false;

	constructor(context: LinkContext, connection: CoordinatorSideConnection, introduced: Introduced, onEnd: () => void) {
		this.worker = introduced.worker;
		this.id = introduced.session;
		this.#context = context;
		this.#introduced = introduced;
		this.#connection = connection;
		this.#onEnd = onEnd;
		this.#heartbeat = new Heartbeat({
			pingMs: context.pingMs ?? limits.pingMs,
			pongMs: context.pongMs ?? limits.pongMs,
			ping: () => this.#ping(),
			lost: () => this.#fail(new CoveyError("timeout", "the worker did not answer a ping")),
		});
		this.#output = new Output({
			send: (message) => this.#send(message),
			pause: () => {
				this.#heartbeat.pause();
				connection.pause?.();
			},
			resume: () => {
				this.#heartbeat.resume();
				connection.resume?.();
			},
		});
	}

	/** Makes the worker connected in the fleet. @throws CoveyError with the reason why not. */
	async connect(offer: WorkerOffer): Promise<void> {
		const { worker, session, instance, protocol } = this.#introduced;
		await this.#context.control.ask({ type: "worker.connect", worker, session, instance, protocol, offer });
	}

	/** Begins the session's life; nothing but the introduction has been sent before. */
	welcome(): void {
		if (this.#ended) return;
		const { leaseTtlMs = limits.leaseTtlMs, syncMs = limits.syncMs, pingMs = limits.pingMs } = this.#context;
		const { httpPort } = this.#introduced;
		const timing = { leaseTtlMs, syncMs, pingMs };
		const elsewhere = httpPort !== undefined && { httpPort };
		this.#send({ type: "welcome", name: this.worker, session: this.id, ...this.#newToken(), ...timing, version, ...elsewhere });
		this.#heartbeat.start();
		const early = this.#early ?? [];
		this.#early = undefined;
		for (const effect of early) this.perform(effect);
	}

	receiveFrame(bytes: Uint8Array): void {
		this.#heartbeat.heard();
		if (!this.#ended && !this.#output.receive(bytes)) this.#fail(badMessage("a binary frame that is no output of this session"));
	}

	receive(message: V2FromWorkerMessage): void {
		if (this.#ended) return;
		this.#heartbeat.heard();
		const { control } = this.#context;
		const { worker, id: session } = this;
		switch (message.type) {
			case "pong":
				return;
			case "sync":
				control.tell({ ...message, type: "worker.sync", worker, session });
				return;
			case "offer":
				control.tell({ type: "worker.offer", worker, session, offer: message.offer });
				return;
			case "started":
				control.tell({ ...message, type: "attempt.started", worker, session });
				return;
			case "decline":
				control.tell({ ...message, type: "attempt.declined", worker, session });
				return;
			case "complete":
				this.#complete(message);
				return;
			case "renew":
				this.#renew(message.signature);
				return;
			case "bye":
				this.#connection.close(1000, "goodbye");
				this.end(true);
				return;
			default:
				this.#fail(badMessage(`a ${message.type} in the middle of a session`));
				return;
		}
	}

	/** Carries out an effect that names this session. */
	perform(effect: SessionEffect): void {
		if (this.#ended) return;
		if (this.#early !== undefined && effect.type !== "disconnect") {
			this.#early.push(effect);
			return;
		}
		switch (effect.type) {
			case "assign":
				this.#assign(effect);
				return;
			case "synced":
				return void this.#synced(effect);
			case "end": {
				const { task, attempt, reason, graceMs } = effect;
				if (reason === "worker_lost") this.#output.close(task, attempt);
				this.#send({ type: "cancel", task, attempt, reason, graceMs });
				return;
			}
			case "settle":
				this.#output.close(effect.task, effect.attempt);
				this.#send({ type: "settle", task: effect.task, attempt: effect.attempt });
				return;
			case "drain":
				this.#send({ type: "drain", draining: effect.draining });
				return;
			case "disconnect":
				this.#fail(CoveyError.from(effect.error));
				return;
		}
	}

	/** Once; the connection has ended or is about to. `bye`: with nothing running. */
	end(bye: boolean): void {
		if (this.#ended) return;
		this.#ended = true;
		this.#heartbeat.stop();
		this.#output.closeAll();
		if (this.#token !== undefined) this.#context.sessionTokens.revoke(this.#token);
		this.#onEnd();
		this.#context.control.tell({ type: "worker.disconnect", worker: this.worker, session: this.id, bye });
	}

	/** Ends it from this side, with a reason. */
	close(error: CoveyError): void {
		this.#fail(error);
	}

	#fail(error: CoveyError): void {
		if (this.#ended) return;
		if (error.code !== "unavailable")
			this.#context.logger.warn("a worker's session was ended", { worker: this.worker, code: error.code, error });
		refuse(this.#connection, error);
		this.end(false);
	}

	#send(message: V2ToWorkerMessage): void {
		if (this.#ended) return;
		this.#connection.send(message);
		if (this.#connection.queuedBytes > linkLimits.queuedBytesMax) {
			this.#fail(new CoveyError("too_many", "the worker does not read what it is sent"));
		}
	}

	#assign({ message, again }: Extract<Effect, { type: "assign" }>): void {
		const { task, attempt } = message;
		const send = (channel: number) => this.#send({ type: "assign", ...message, channel });
		const log = again ? this.#context.logs.create(task, attempt) : this.#context.logs.begin(task, attempt);
		if (log !== undefined) {
			send(this.#output.open(task, attempt, log));
			return;
		}
		void this.#opened(task, attempt).then((found) => found && send(found.channel));
	}

	async #synced({ sequence, end, settled, draining, keep }: Extract<Effect, { type: "synced" }>): Promise<void> {
		for (const { task, attempt, reason } of end) if (reason === "worker_lost") this.#output.close(task, attempt);
		for (const { task, attempt } of settled) this.#output.close(task, attempt);
		const found = await Promise.all(keep.map(({ task, attempt }) => this.#opened(task, attempt)));
		const resume = found.filter((each) => each !== undefined);
		this.#send({ type: "synced", sequence, end: [...end], settled: [...settled], draining, resume });
	}

	/** The channel of an attempt, and from which offset its output is wanted; undefined when its log cannot be read. */
	async #opened(task: string, attempt: number): Promise<{ task: string; attempt: number; channel: number; offset: number } | undefined> {
		try {
			const log = this.#context.logs.create(task, attempt) ?? (await this.#context.logs.open(task, attempt));
			if (this.#ended) return undefined;
			return { task, attempt, channel: this.#output.open(task, attempt, log), offset: log.end };
		} catch (error) {
			this.#context.logger.error("a log could not be opened", { task, attempt, error });
			return undefined;
		}
	}

	/** Passed on when all output before it is in the log: whoever sees the result can read all of it. */
	#complete(message: Extract<V2FromWorkerMessage, { type: "complete" }>): void {
		const { worker, id: session } = this;
		const { task, attempt, report } = message;
		const tell = () => this.#context.control.tell({ type: "attempt.completed", worker, session, task, attempt, report });
		const log = this.#output.log(task, attempt);
		if (log === undefined || log.written === log.end) {
			tell();
			return;
		}
		void log.flush().then(tell);
	}

	#renew(signature: string): void {
		const { publicKey } = this.#introduced;
		if (publicKey !== undefined && !isSignedBy(publicKey, renewText(this.id, this.#renewal), signature)) {
			this.#fail(new CoveyError("unauthenticated", "the renewal was not signed by this worker's key"));
			return;
		}
		const old = this.#token;
		this.#send({ type: "renewed", ...this.#newToken() });
		// Calls that are on their way may still show it.
		setTimeout(() => old !== undefined && this.#context.sessionTokens.revoke(old), linkLimits.handshakeMs).unref();
	}

	#newToken(): { token: string; tokenTtlMs: number; renewal: string } {
		const { worker, id: session } = this;
		this.#renewal = createNonce();
		this.#renewedAt = this.#context.clock.monotonic();
		// A session without a key (embedded, v1) cannot renew: its token lives as long as it does.
		const ttlMs = this.#introduced.publicKey === undefined ? Number.POSITIVE_INFINITY : linkLimits.sessionTtlMs;
		this.#token = this.#context.sessionTokens.issue({ worker, session, namespaces: this.#introduced.namespaces }, ttlMs);
		return { token: this.#token, tokenTtlMs: linkLimits.sessionTtlMs, renewal: this.#renewal };
	}

	#ping(): void {
		const age = this.#context.clock.monotonic() - this.#renewedAt;
		if (this.#introduced.publicKey !== undefined && age > linkLimits.sessionTtlMs) {
			this.#fail(new CoveyError("unauthenticated", "the session was not renewed in time"));
			return;
		}
		this.#send({ type: "ping" });
	}
}
