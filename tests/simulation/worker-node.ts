import type { Assign, AttemptReport, Outcome, V2FromWorkerMessage, V2ToWorkerMessage, WorkerOffer } from "@covey/protocol";
import { attemptKey } from "@covey/protocol";
import { type Agent, type AgentEffect, type AgentEvent, createAgent } from "#core/agent/agent.ts";
import { nextAgentTimerAt, offerOf, stepAgent } from "#core/agent/step.ts";
import type { Bend } from "./bend.ts";
import { Connection } from "./connection.ts";
import { type Coordinator, leases } from "./coordinator.ts";
import type { Oracle, Run } from "./oracle.ts";
import type { Weather } from "./weather.ts";
import type { World } from "./world.ts";

/** A process of an attempt, as the machine sees it. */
interface SimulatedProcess {
	readonly assign: Assign;
	readonly run: Run;
	written: number;
	startedAt: number | undefined;
	/** It was told to end: what is still being prepared does not begin. */
	ending: boolean;
	dead: boolean;
}

/** What the work of a task is, agreed between client and worker by its payload. */
export interface SimulatedWork {
	/** Virtual time of the submission. */
	readonly askedAt: number;
	readonly runMs: number;
	readonly outputBytes: number;
	readonly outcome: Outcome;
}

/** What all of one world share. */
export interface Site {
	readonly world: World;
	readonly weather: Weather;
	readonly coordinator: Coordinator;
	readonly oracle: Oracle;
	readonly bend: Bend;
}

/**
 * A worker with the real agent: its processes, its spool and its reconnecting are simulated. A crash kills the agent;
 * the machine's processes die with it (the sweep at the next start makes that so before anything new runs).
 */
export class WorkerNode {
	readonly name: string;
	readonly offer: WorkerOffer;
	readonly #world: World;
	readonly #weather: Weather;
	readonly #coordinator: Coordinator;
	readonly #oracle: Oracle;
	readonly #bend: Bend;
	/** In the coordinator's process: lives and dies with it, on a link that loses nothing. */
	readonly embedded: boolean;
	/** Keys that it had before, all of them revoked. */
	keys = 0;
	#agent: Agent | undefined;
	#instance = "";
	#connection: Connection | undefined;
	#processes = new Map<string, SimulatedProcess>();
	/** The spool: reports that outlive the process. */
	readonly #reports = new Map<string, { assign: Assign; report: AttemptReport }>();
	#sleepingUntil = 0;
	#cutUntil = 0;
	#timerAt = Number.POSITIVE_INFINITY;
	#incarnation = 0;
	#welcomed = false;
	/** When the last connection was welcomed; now, while there was none. */
	#connectedAt = Number.POSITIVE_INFINITY;

	constructor({ world, weather, coordinator, oracle, bend }: Site, options: { name: string; offer: WorkerOffer; embedded?: boolean }) {
		this.#world = world;
		this.#weather = weather;
		this.#coordinator = coordinator;
		this.#oracle = oracle;
		this.#bend = bend;
		this.name = options.name;
		this.offer = options.offer;
		this.embedded = options.embedded ?? false;
	}

	get up(): boolean {
		return this.#agent !== undefined;
	}

	/** What it still remembers of work, for when there is none. */
	get remembered(): number {
		return this.#reports.size + this.#processes.size + (this.#agent?.attempts.size ?? 0);
	}

	start(): void {
		if (this.#agent !== undefined) return;
		this.#incarnation++;
		this.#instance = `instance-${this.#world.serial()}`;
		this.#agent = createAgent({ offer: this.offer, fenceGraceMs: 5000 });
		this.#feed({ type: "recovered", attempts: [...this.#reports.values()] });
		this.#connectSoon();
	}

	crash(): void {
		if (this.#agent === undefined) return;
		this.#world.saw("worker crashed");
		this.#world.note(() => `${this.name} crashes`);
		this.#stop();
	}

	/** The agent is no more, and nothing that it started. */
	#stop(): void {
		this.#incarnation++;
		this.#agent = undefined;
		this.#connection?.closeByWorker();
		this.#connection = undefined;
		this.#timerAt = Number.POSITIVE_INFINITY;
		for (const process of this.#processes.values()) this.#die(process);
		this.#processes.clear();
	}

	/** The machine sleeps: nothing on it moves, its monotonic clock goes on. */
	sleep(ms: number): void {
		this.#world.saw("machine slept");
		this.#sleepingUntil = Math.max(this.#sleepingUntil, this.#world.now + ms);
	}

	/** Nothing gets through to the coordinator for a while. */
	cut(ms: number): void {
		this.#world.saw("worker cut off");
		this.#cutUntil = this.#world.now + ms;
		this.#connection?.break();
	}

	/** How loaded its machine is. */
	feel(admits: boolean): void {
		this.#world.saw(admits ? "pressure eased" : "pressure rose");
		const load = admits ? 0.2 : 0.95;
		this.#feed({ type: "pressure", pressure: { cpu: load, io: load, memory: load, admits } });
	}

	/** What a person's hand on the machine does: no new work, and out when all has settled. */
	leave(): void {
		this.#feed({ type: "drain" });
	}

	#connectSoon(): void {
		const since = this.#incarnation;
		if (this.#bend.givesUp?.(this.#world.now - this.#connectedAt)) return;
		this.#world.after(this.embedded ? 100 : this.#world.random.between(1, 8000), () => {
			if (this.#incarnation !== since || this.#connection !== undefined) return;
			// Whoever died in its sleep does not try again when the machine wakes.
			if (this.#asleep(() => void (this.#incarnation === since && this.#connectSoon()))) return;
			if (!this.#coordinator.up || this.#world.now < this.#cutUntil) return this.#connectSoon();
			this.#connect(since);
		});
	}

	#connect(incarnation: number): void {
		const connection = new Connection(this.#world, this.#weather, this.embedded);
		this.#connection = connection;
		this.#welcomed = false;
		const since = this.#world.now;
		connection.onDown = (message) => this.#received(connection, message);
		connection.onWorkerEnd = () => {
			if (this.#connection !== connection) return;
			this.#connection = undefined;
			if (this.#incarnation !== incarnation) return;
			this.#feed({ type: "disconnected" });
			this.#connectSoon();
		};
		// The handshake takes its time and may fail as any message may.
		this.#world.after(this.embedded ? 0 : this.#world.random.skewed(2, 400), () => {
			if (connection.broken || !connection.workerOpen || this.#connection !== connection) return;
			if (!this.#coordinator.up) return connection.break();
			const introduction = {
				worker: this.name,
				instance: this.#instance,
				offer: this.#agent ? offerOf(this.#agent) : this.offer,
				protocol: 2,
			};
			this.#coordinator.accept(connection, introduction, () => {
				this.#world.after(this.embedded ? 0 : this.#world.random.skewed(1, 200), () => this.#welcome(connection, since));
			});
		});
		// A handshake that leads nowhere is given up.
		this.#world.after(20_000, () => {
			if (this.#connection === connection && !this.#welcomed) connection.break();
		});
	}

	#welcome(connection: Connection, since: number): void {
		if (this.#connection !== connection || connection.broken || !connection.workerOpen) return;
		this.#welcomed = true;
		this.#connectedAt = this.#world.now;
		this.#world.saw("worker connected");
		this.#world.note(() => `${this.name} (${this.#instance}) is connected`);
		this.#feed({ type: "connected", since, leaseTtlMs: leases.leaseTtlMs, syncMs: leases.syncMs });
	}

	#received(connection: Connection, message: V2ToWorkerMessage): void {
		if (this.#asleep(() => this.#received(connection, message))) return;
		// What arrived before the welcome was read is handled after it, as on one socket.
		if (this.#connection !== connection) return;
		if (!this.#welcomed) {
			this.#world.after(50, () => this.#received(connection, message));
			return;
		}
		this.#feed({ type: "message", message });
	}

	#feed(event: AgentEvent): void {
		const agent = this.#agent;
		if (agent === undefined) return;
		for (const effect of stepAgent(agent, event, this.#world.now)) this.#perform(effect);
		this.#wakeForTimer();
	}

	#perform(effect: AgentEffect): void {
		switch (effect.type) {
			case "send":
				this.#send(effect.message);
				return;
			case "start":
				this.#begin(effect.assign);
				return;
			case "end": {
				const process = this.#processes.get(attemptKey(effect.task, effect.attempt));
				if (process === undefined) return;
				this.#world.note(() => `${this.name} ends ${effect.task} attempt ${effect.attempt}: ${effect.reason}`);
				if (effect.reason === "worker_lost") this.#world.saw("worker fenced itself or was fenced");
				if (this.#bend.ignoresEnd?.(effect.reason)) return;
				process.ending = true;
				this.#later(process, this.#world.random.skewed(0, Math.min(effect.graceMs, 5000)), () => this.#finish(process, effect.reason));
				return;
			}
			case "resume": {
				this.#world.saw("output resumed");
				const { task, attempt, channel, offset } = effect;
				const written =
					this.#processes.get(attemptKey(task, attempt))?.written ?? this.#reports.get(attemptKey(task, attempt))?.report.outputBytes;
				if (written !== undefined) this.#sendOutput(channel, offset, written);
				return;
			}
			case "forget":
				this.#reports.delete(attemptKey(effect.task, effect.attempt));
				return;
			case "left":
				this.#stop();
				return;
		}
	}

	#send(message: V2FromWorkerMessage): void {
		const bent = this.#bend.up === undefined ? message : this.#bend.up(message, this.#processes.size);
		if (bent !== undefined) this.#connection?.up(bent);
		if (message.type !== "complete" || !this.#bend.forgetsReports) return;
		const { task, attempt } = message;
		this.#world.after(0, () => this.#feed({ type: "message", message: { type: "settle", task, attempt } }));
	}

	#begin(assign: Assign): void {
		const work = assign.payload as unknown as SimulatedWork;
		const process: SimulatedProcess = {
			assign,
			run: this.#runOf(assign),
			written: 0,
			startedAt: undefined,
			ending: false,
			dead: false,
		};
		this.#processes.set(attemptKey(assign.task, assign.attempt), process);
		// Preparation: transfer and checkout.
		this.#later(process, this.#world.random.skewed(10, 8000), () => {
			if (process.ending) return;
			process.startedAt = this.#world.now;
			this.#world.note(() => `${assign.task} attempt ${assign.attempt} starts on ${this.name} (${this.#instance})`);
			this.#oracle.processStarted(process.run);
			this.#feed({ type: "attempt.started", task: assign.task, attempt: assign.attempt });
			const timeoutMs = assign.policies.timeoutMs ?? Number.POSITIVE_INFINITY;
			const runMs = Math.min(work.runMs, this.#bend.timeoutMs?.(timeoutMs, this.#world.now - work.askedAt) ?? timeoutMs);
			for (let part = 1; part <= 3; part++)
				this.#later(process, (runMs * part) / 4, () => this.#write(process, Math.ceil(work.outputBytes / 3)));
			this.#later(process, runMs, () => this.#finish(process, runMs < work.runMs ? "timed_out" : work.outcome));
		});
	}

	#runOf({ task, attempt }: Assign): Run {
		const incarnation = this.#incarnation;
		return {
			task,
			attempt,
			worker: this.name,
			token: `run-${this.#world.serial()}`,
			fences: true,
			asleep: () => this.#sleepingUntil + 10_000 > this.#world.now,
			isAlive: () => this.#incarnation === incarnation,
		};
	}

	/** The spool keeps the first bytes, and counts those beyond its cap as a gap. */
	#write(process: SimulatedProcess, bytes: number): void {
		const { task, attempt } = process.assign;
		const offset = process.written;
		process.written += bytes;
		const channel = this.#agent?.attempts.get(attemptKey(task, attempt))?.channel;
		if (channel !== undefined) this.#sendOutput(channel, offset, process.written);
	}

	#sendOutput(channel: number, from: number, to: number): void {
		if (to <= from) return;
		const missing = droppedOf(to) - droppedOf(from);
		this.#connection?.up({ type: "frame", channel, offset: from, bytes: to - from, ...(missing > 0 && { missing }) });
	}

	#finish(process: SimulatedProcess, outcome: Outcome): void {
		if (process.dead) return;
		const { task, attempt } = process.assign;
		this.#die(process);
		this.#processes.delete(attemptKey(task, attempt));
		const report: AttemptReport = {
			outcome,
			message: process.run.token,
			artifacts: [],
			missing: [],
			outputBytes: process.written,
			outputDroppedBytes: droppedOf(process.written),
			timings: { command: process.startedAt === undefined ? 0 : this.#world.now - process.startedAt },
			facts: {
				exitCode: outcome === "passed" ? 0 : 1,
				signal: null,
				timedOut: outcome === "timed_out",
				cancelled: outcome === "cancelled" || outcome === "superseded",
				forceKilled: false,
				durationMs: 0,
				leftovers: 0,
			},
		};
		this.#reports.set(attemptKey(task, attempt), { assign: process.assign, report });
		if (outcome === "passed" || outcome === "failed") this.#oracle.processFinished(process.run);
		this.#feed({ type: "attempt.ended", task, attempt, report });
	}

	#die(process: SimulatedProcess): void {
		if (process.dead) return;
		process.dead = true;
		if (process.startedAt !== undefined) this.#oracle.processEnded(process.run);
	}

	/** Something that a process does, unless it is dead by then; a sleeping machine does it late. */
	#later(process: SimulatedProcess, ms: number, action: () => void): void {
		this.#world.after(ms, () => {
			if (process.dead || this.#asleep(() => this.#later(process, 0, action))) return;
			action();
		});
	}

	#asleep(again: () => void): boolean {
		if (this.#world.now >= this.#sleepingUntil) return false;
		// Timers fire before the network is read when the machine wakes: the lease is looked at first either way.
		this.#world.after(this.#sleepingUntil - this.#world.now + 1, again);
		return true;
	}

	#wakeForTimer(): void {
		const agent = this.#agent;
		const at = agent && nextAgentTimerAt(agent);
		if (at === undefined || at >= this.#timerAt) return;
		this.#timerAt = at;
		const since = this.#incarnation;
		const fire = (): void => {
			if (this.#incarnation !== since) return;
			if (this.#world.now < this.#sleepingUntil) {
				this.#world.after(this.#sleepingUntil - this.#world.now, fire);
				return;
			}
			this.#timerAt = Number.POSITIVE_INFINITY;
			this.#feed({ type: "tick" });
		};
		this.#world.after(at - this.#world.now, fire);
	}
}

/** The spool holds so much of an attempt's output; what comes beyond it is only counted. */
const spoolBytesMax = 60_000;

function droppedOf(written: number): number {
	return Math.max(0, written - spoolBytesMax);
}
