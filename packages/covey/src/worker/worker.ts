import { randomUUID } from "node:crypto";
import { join } from "node:path";
import type { Pressure, WorkerOffer } from "@covey/protocol";
import { attemptKey } from "@covey/protocol/ids";
import { type Agent, type AgentEffect, type AgentEvent, createAgent, slotsUsed } from "#core/agent/agent.ts";
import { nextAgentTimerAt, stepAgent } from "#core/agent/step.ts";
import type { JoinToken } from "#host/token/token.ts";
import type { Clock } from "#kit/clock.ts";
import { deferred } from "#kit/deferred.ts";
import type { Logger } from "#kit/logger.ts";
import type { Service } from "#kit/service.ts";
import type { LinkTransport } from "#ports/link.ts";
import type { Runner } from "#ports/runner.ts";
import { type Attempts, createAttempts } from "./attempts.ts";
import { loadIdentity, type WorkerIdentity } from "./identity.ts";
import { createLeaseClock } from "./lease-clock.ts";
import { workerLimits } from "./limits.ts";
import { createLink, type Link, type LinkListener, type LinkOptions } from "./link/link.ts";
import { createSpool, type Spool } from "./spool/spool.ts";

export interface ResolvedWorkerConfig {
	readonly name: string;
	/** Key, pin and spool; owned by this process. */
	readonly stateDirectory: string;
	readonly version: string;
	/** What it offers apart from its capabilities, which are those of its runners, and `warm`. */
	readonly offer: Omit<WorkerOffer, "capabilities" | "warm" | "version">;
	/** Shown once, to enrol; not needed once the coordinator knows this worker's key. */
	readonly token?: JoinToken;
	/** Unacknowledged output of one attempt, and of all. */
	readonly outputBytesMax: number;
	readonly spoolBytesMax: number;
	/** Between two tries to reach the coordinator. Default: `workerLimits.link.backoff`. */
	readonly reconnect?: LinkOptions["backoff"];
}

export interface WorkerDependencies {
	readonly transport: LinkTransport;
	readonly runners: readonly Runner[];
	readonly clock: Clock;
	readonly random: () => number;
	readonly logger: Logger;
	/** Looked at every few seconds. Absent: never held back. */
	readonly pressure?: () => Pressure;
	/** Repositories with a warm worktree. */
	readonly warm?: () => readonly string[];
}

export interface WorkerStatusReport {
	readonly name: string;
	readonly connected: boolean;
	readonly leaving: boolean;
	readonly slotsUsed: number;
	readonly attempts: readonly { readonly task: string; readonly attempt: number; readonly state: string }[];
}

/**
 * The process that runs work: glues the agent (what is to be done) to the link, the runners and the spool.
 * `start` resolves at the first welcome. `drain` takes no new work and resolves when all is handed over; `stop` ends
 * what runs, hands over what it can within a bound, and leaves the rest to the disk.
 */
export interface Worker extends Service {
	/** Bearer and base URL for packs and artifacts: runners ask for it at each call, since it is renewed. */
	readonly credentials: () => { readonly url: string; readonly token: string | undefined };
	drain(): Promise<void>;
	/** Resolves when it has left, for whatever reason; with the error when the coordinator will not have it. */
	readonly left: Promise<Error | undefined>;
	status(): WorkerStatusReport;
}

export function createWorker(config: ResolvedWorkerConfig, dependencies: WorkerDependencies): Worker {
	return new AgentWorker(config, dependencies);
}

/**
 * created → started → leaving (drain or stop) → finished, which is final. Whatever happens outside becomes an event of the
 * agent, in `#feed`; whatever the agent wants done is carried out in `#perform`. Nothing else decides anything.
 */
class AgentWorker implements Worker {
	readonly #config: ResolvedWorkerConfig;
	readonly #dependencies: WorkerDependencies;
	readonly #now: () => number;
	readonly #agent: Agent;
	readonly #spool: Spool;
	readonly #attempts: Attempts;
	/** All is handed over, or nobody will take it any more. */
	readonly #leave = deferred();
	readonly #left = deferred<Error | undefined>();
	/** What the coordinator was last told of. */
	#offered: WorkerOffer;
	#link: Link | undefined;
	#timer: NodeJS.Timeout | undefined;
	#sampling: NodeJS.Timeout | undefined;
	#stopping: Promise<void> | undefined;
	#finished = false;

	constructor(config: ResolvedWorkerConfig, dependencies: WorkerDependencies) {
		const { clock, logger, runners } = dependencies;
		this.#config = config;
		this.#dependencies = dependencies;
		this.#now = createLeaseClock(clock.monotonic, Date.now);
		this.#offered = this.#offer();
		this.#agent = createAgent({ offer: this.#offered, fenceGraceMs: workerLimits.fenceGraceMs });
		this.#spool = createSpool({
			directory: join(config.stateDirectory, "spool"),
			limits: { attemptBytesMax: config.outputBytesMax, ...workerLimits.output },
			totalBytesMax: config.spoolBytesMax,
			logger,
		});
		this.#attempts = createAttempts({
			runners,
			spool: this.#spool,
			logger,
			isConnected: () => this.#link?.connection !== undefined,
			started: (name) => this.#feed({ type: "attempt.started", ...name }),
			ended: (name, report) => {
				this.#feed({ type: "attempt.ended", ...name, report });
				this.#offerWarm();
			},
		});
	}

	get left(): Promise<Error | undefined> {
		return this.#left.promise;
	}

	credentials() {
		return { url: this.#link?.httpUrl ?? this.#dependencies.transport.url, token: this.#link?.token };
	}

	async start(signal: AbortSignal): Promise<void> {
		signal.throwIfAborted();
		const { transport } = this.#dependencies;
		const identity = transport.trusted ? undefined : await loadIdentity(this.#config.stateDirectory);
		this.#feed({ type: "recovered", attempts: this.#attempts.recover(await this.#spool.recover()) });
		this.#link = createLink(this.#linkOptions(identity), this.#linkListener());
		this.#sample();
		await this.#link.start(signal).catch(async (error: unknown) => {
			this.#stopping ??= this.#finish();
			await this.#stopping;
			throw error;
		});
	}

	async drain(): Promise<void> {
		this.#feed({ type: "drain" });
		await this.#leave.promise;
		await this.stop();
	}

	async stop(): Promise<void> {
		if (this.#link === undefined) return;
		this.#stopping ??= this.#stopWithin();
		await this.#stopping;
	}

	status(): WorkerStatusReport {
		return {
			name: this.#config.name,
			connected: this.#link?.connection !== undefined,
			leaving: this.#agent.leaving !== "no",
			slotsUsed: slotsUsed(this.#agent),
			attempts: Array.from(this.#agent.attempts.values(), ({ assign, state }) => ({ task: assign.task, attempt: assign.attempt, state })),
		};
	}

	async [Symbol.asyncDispose](): Promise<void> {
		await this.stop();
	}

	/** The only way into the agent. Effects are performed in order; none of them feeds it again before all are done. */
	#feed(event: AgentEvent): void {
		for (const effect of stepAgent(this.#agent, event, this.#now())) this.#perform(effect);
		clearTimeout(this.#timer);
		const at = nextAgentTimerAt(this.#agent);
		if (at === undefined || this.#finished) return;
		this.#timer = setTimeout(() => this.#feed({ type: "tick" }), Math.min(Math.max(at - this.#now(), 1), workerLimits.tickMsMax));
	}

	#perform(effect: AgentEffect): void {
		switch (effect.type) {
			case "send":
				if (effect.message.type !== "complete" || !this.#attempts.completeBehindOutput(effect.message)) this.#link?.send(effect.message);
				break;
			case "start":
				this.#attempts.start(effect.assign, this.#link?.connection);
				break;
			case "end":
				this.#attempts.end(effect);
				break;
			case "resume":
				this.#attempts.resume(effect, this.#link?.connection);
				break;
			case "forget":
				this.#attempts.forget(effect);
				break;
			case "left":
				this.#leave.resolve();
				break;
		}
	}

	#linkOptions(identity: WorkerIdentity | undefined): LinkOptions {
		const { name, version, stateDirectory, token, reconnect } = this.#config;
		const { transport, clock, random, logger } = this.#dependencies;
		const agent = this.#agent;
		return {
			transport,
			identity,
			name,
			instance: randomUUID(),
			version,
			stateDirectory,
			token,
			offer: () => (agent.leaving === "no" ? agent.offer : { ...agent.offer, slots: 0 }),
			clock,
			random,
			logger,
			...workerLimits.link,
			...(reconnect && { backoff: reconnect }),
		};
	}

	#linkListener(): LinkListener {
		const { clock } = this.#dependencies;
		return {
			connected: ({ leaseTtlMs, syncMs }, since) => {
				// The agent counts on the lease clock, which may be ahead of the monotonic one.
				this.#feed({ type: "connected", since: this.#now() - (clock.monotonic() - since), leaseTtlMs, syncMs });
			},
			message: (message) => {
				if (message.type === "acknowledge") this.#spool.get(attemptKey(message.task, message.attempt))?.acknowledge(message.offset);
				else this.#feed({ type: "message", message });
			},
			disconnected: () => {
				for (const output of this.#spool.values()) output.detach();
				this.#feed({ type: "disconnected" });
				void this.#attempts.keepAll();
			},
			refused: (error) => {
				// Nobody will settle anything any more: a drain need not wait for it.
				this.#left.resolve(error);
				this.#leave.resolve();
			},
		};
	}

	#offer(): WorkerOffer {
		const { runners, warm } = this.#dependencies;
		const { offer, version } = this.#config;
		return { ...offer, version, capabilities: runners.map(({ type }) => type), warm: [...(warm?.() ?? [])] };
	}

	/** Tells the coordinator when other repositories have become warm. */
	#offerWarm(): void {
		const next = this.#offer();
		if (next.warm.join() === this.#offered.warm.join()) return;
		this.#offered = next;
		this.#feed({ type: "offer", offer: next });
	}

	#sample(): void {
		const { pressure } = this.#dependencies;
		if (pressure === undefined || this.#finished) return;
		this.#feed({ type: "pressure", pressure: pressure() });
		this.#sampling = setTimeout(() => this.#sample(), workerLimits.pressureMs);
	}

	async #stopWithin(): Promise<void> {
		this.#feed({ type: "stop" });
		await this.#attempts.ended();
		// Their reports are sent; the receipt may not come, and then the disk has them.
		const bound = new AbortController();
		await Promise.race([this.#leave.promise, this.#dependencies.clock.sleep(workerLimits.settleMs, bound.signal).catch(() => {})]);
		bound.abort();
		await this.#finish();
	}

	async #finish(): Promise<void> {
		this.#finished = true;
		clearTimeout(this.#timer);
		clearTimeout(this.#sampling);
		await this.#link?.stop();
		await this.#attempts.keepAll();
		await this.#spool.close();
		this.#left.resolve(undefined);
	}
}
