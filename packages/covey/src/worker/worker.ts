import { randomUUID } from "node:crypto";
import { join } from "node:path";
import type { Pressure, V2ToWorkerMessage, WorkerOffer } from "@covey/protocol";
import { attemptKey } from "@covey/protocol/ids";
import { type AgentEffect, type AgentEvent, createAgent, slotsUsed } from "#core/agent/agent.ts";
import { nextAgentTimerAt, stepAgent } from "#core/agent/step.ts";
import type { JoinToken } from "#host/token/token.ts";
import type { Clock } from "#kit/clock.ts";
import { deferred } from "#kit/deferred.ts";
import type { Logger } from "#kit/logger.ts";
import type { Service } from "#kit/service.ts";
import type { LinkTransport } from "#ports/link.ts";
import type { Runner } from "#ports/runner.ts";
import { createAttempts } from "./attempts.ts";
import { loadIdentity } from "./identity.ts";
import { createLeaseClock } from "./lease-clock.ts";
import { workerLimits } from "./limits.ts";
import { createLink, type Link } from "./link/link.ts";
import { createSpool } from "./spool/spool.ts";

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
	const { transport, logger, clock } = dependencies;
	const now = createLeaseClock(clock.monotonic, Date.now);
	const leave = deferred();
	const left = deferred<Error | undefined>();
	const offer = (): WorkerOffer => ({
		...config.offer,
		version: config.version,
		capabilities: dependencies.runners.map(({ type }) => type),
		warm: [...(dependencies.warm?.() ?? [])],
	});
	const agent = createAgent({ offer: offer(), fenceGraceMs: workerLimits.fenceGraceMs });
	const spool = createSpool({
		directory: join(config.stateDirectory, "spool"),
		limits: { attemptBytesMax: config.outputBytesMax, ...workerLimits.output },
		totalBytesMax: config.spoolBytesMax,
		logger,
	});
	const attempts = createAttempts({
		runners: dependencies.runners,
		spool,
		logger,
		isConnected: () => link?.connection !== undefined,
		started: (name) => feed({ type: "attempt.started", ...name }),
		ended(name, report) {
			feed({ type: "attempt.ended", ...name, report });
			offerWarm();
		},
	});
	let link: Link | undefined;
	let timer: NodeJS.Timeout | undefined;
	/** What the timer waits for. */
	let timerAt: number | undefined;
	let sampling: NodeJS.Timeout | undefined;
	let stopping: Promise<void> | undefined;
	let finished = false;
	let offered = offer();

	/** The only way into the agent. Effects are performed in order; none of them feeds it again before all are done. */
	function feed(event: AgentEvent): void {
		for (const effect of stepAgent(agent, event, now())) perform(effect);
		const at = finished ? undefined : nextAgentTimerAt(agent);
		if (at === timerAt) return;
		clearTimeout(timer);
		timerAt = at;
		if (at !== undefined) timer = setTimeout(tick, Math.min(Math.max(at - now(), 1), workerLimits.tickMsMax));
	}

	function tick(): void {
		timerAt = undefined;
		feed({ type: "tick" });
	}

	function perform(effect: AgentEffect): void {
		switch (effect.type) {
			case "send":
				if (effect.message.type !== "complete" || !attempts.completeBehindOutput(effect.message)) link?.send(effect.message);
				break;
			case "start":
				attempts.start(effect.assign, link?.connection);
				break;
			case "end":
				attempts.end(effect);
				break;
			case "resume":
				attempts.resume(effect, link?.connection);
				break;
			case "forget":
				attempts.forget(effect);
				break;
			case "left":
				leave.resolve();
				break;
		}
	}

	function receive(message: V2ToWorkerMessage): void {
		if (message.type === "acknowledge") spool.get(attemptKey(message.task, message.attempt))?.acknowledge(message.offset);
		else feed({ type: "message", message });
	}

	/** Tells the coordinator when other repositories have become warm. */
	function offerWarm(): void {
		const next = offer();
		if (next.warm.join() === offered.warm.join()) return;
		offered = next;
		feed({ type: "offer", offer: next });
	}

	function sample(): void {
		if (dependencies.pressure === undefined || finished) return;
		feed({ type: "pressure", pressure: dependencies.pressure() });
		sampling = setTimeout(sample, workerLimits.pressureMs);
	}

	async function finish(): Promise<void> {
		finished = true;
		clearTimeout(timer);
		clearTimeout(sampling);
		await link?.stop();
		await attempts.keepAll();
		await spool.close();
		left.resolve(undefined);
	}

	const worker: Worker = {
		credentials: () => ({ url: transport.url, token: link?.token }),
		left: left.promise,
		async start(signal) {
			signal.throwIfAborted();
			const identity = transport.trusted ? undefined : await loadIdentity(config.stateDirectory);
			feed({ type: "recovered", attempts: attempts.recover(await spool.recover()) });
			link = createLink(
				{
					transport,
					identity,
					name: config.name,
					instance: randomUUID(),
					version: config.version,
					stateDirectory: config.stateDirectory,
					token: config.token,
					offer: () => (agent.leaving === "no" ? agent.offer : { ...agent.offer, slots: 0 }),
					clock,
					random: dependencies.random,
					logger,
					...workerLimits.link,
				},
				{
					connected: (welcome, since) => {
						// The agent counts on the lease clock, which may be ahead of the monotonic one.
						const { leaseTtlMs, syncMs } = welcome;
						feed({ type: "connected", since: now() - (clock.monotonic() - since), leaseTtlMs, syncMs });
					},
					message: receive,
					disconnected() {
						for (const output of spool.values()) output.detach();
						feed({ type: "disconnected" });
						void attempts.keepAll();
					},
					refused(error) {
						// Nobody will settle anything any more: a drain need not wait for it.
						left.resolve(error);
						leave.resolve();
					},
				},
			);
			sample();
			await link.start(signal).catch(async (error: unknown) => {
				stopping ??= finish();
				await stopping;
				throw error;
			});
		},
		async drain() {
			feed({ type: "drain" });
			await leave.promise;
			await worker.stop();
		},
		async stop() {
			if (link === undefined) return;
			stopping ??= stopWithin();
			await stopping;
		},
		status: () => ({
			name: config.name,
			connected: link?.connection !== undefined,
			leaving: agent.leaving !== "no",
			slotsUsed: slotsUsed(agent),
			attempts: Array.from(agent.attempts.values(), ({ assign, state }) => ({ task: assign.task, attempt: assign.attempt, state })),
		}),
		async [Symbol.asyncDispose]() {
			await worker.stop();
		},
	};

	async function stopWithin(): Promise<void> {
		feed({ type: "stop" });
		await attempts.ended();
		// Their reports are sent; the receipt may not come, and then the disk has them.
		const bound = new AbortController();
		await Promise.race([leave.promise, clock.sleep(workerLimits.settleMs, bound.signal).catch(() => {})]);
		bound.abort();
		await finish();
	}

	return worker;
}
