import type { Assign, AttemptReport, Outcome, V2ToWorkerMessage, WorkerOffer } from "@covey/protocol";
import { attemptKey } from "@covey/protocol";
import { type Agent, type AgentEffect, type AgentEvent, createAgent } from "#core/agent/agent.ts";
import { nextAgentTimerAt, stepAgent } from "#core/agent/step.ts";
import { Connection } from "./connection.ts";
import { type CoordinatorNode, leases } from "./coordinator-node.ts";
import type { Faults } from "./faults.ts";
import type { Oracle } from "./oracle.ts";
import type { Weather } from "./weather.ts";
import type { World } from "./world.ts";

/** A process of an attempt, as the machine sees it. */
interface SimulatedProcess {
	readonly assign: Assign;
	/** Told apart from every other run of anything. */
	readonly token: string;
	readonly outcome: Outcome;
	written: number;
	startedAt: number | undefined;
	dead: boolean;
}

/** What the work of a task is, agreed between client and worker by its payload. */
export interface SimulatedWork {
	readonly runMs: number;
	readonly outputBytes: number;
	readonly outcome: Outcome;
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
	readonly #coordinator: CoordinatorNode;
	readonly #oracle: Oracle;
	readonly #faults: Faults;
	readonly #reliable: boolean;
	#agent: Agent | undefined;
	#instance = "";
	#connection: Connection | undefined;
	#processes = new Map<string, SimulatedProcess>();
	/** The spool: reports that outlive the process. */
	readonly #reports = new Map<string, { assign: Assign; report: AttemptReport }>();
	#sleepingUntil = 0;
	#timerAt = Number.POSITIVE_INFINITY;
	#incarnation = 0;
	#welcomed = false;
	#failures = 0;

	constructor(
		world: World,
		weather: Weather,
		coordinator: CoordinatorNode,
		oracle: Oracle,
		faults: Faults,
		options: { name: string; offer: WorkerOffer; reliable?: boolean },
	) {
		this.#world = world;
		this.#weather = weather;
		this.#coordinator = coordinator;
		this.#oracle = oracle;
		this.#faults = faults;
		this.name = options.name;
		this.offer = options.offer;
		this.#reliable = options.reliable ?? false;
	}

	get up(): boolean {
		return this.#agent !== undefined;
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

	breakLink(): void {
		this.#connection?.break();
	}

	#connectSoon(): void {
		const since = this.#incarnation;
		if (this.#faults.givesUpReconnecting(++this.#failures)) return;
		this.#world.after(this.#reliable ? 0 : this.#world.random.between(1, 8000), () => {
			if (this.#incarnation !== since || this.#connection !== undefined) return;
			if (this.#asleep(() => this.#connectSoon())) return;
			if (!this.#coordinator.up) return this.#connectSoon();
			this.#connect(since);
		});
	}

	#connect(incarnation: number): void {
		const connection = new Connection(this.#world, this.#weather, this.#reliable);
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
		this.#world.after(this.#reliable ? 0 : this.#world.random.skewed(2, 400), () => {
			if (connection.broken || !connection.workerOpen || this.#connection !== connection) return;
			if (!this.#coordinator.up) return connection.break();
			this.#coordinator.accept(connection, this.name, this.#instance, this.offer, 2, () => {
				this.#world.after(this.#reliable ? 0 : this.#world.random.skewed(1, 200), () => this.#welcome(connection, since));
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
		this.#failures = 0;
		this.#world.saw("worker connected");
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
				if (this.#faults.losesUp(effect.message, this.#processes.size)) return;
				this.#connection?.up(effect.message);
				return;
			case "start":
				this.#begin(effect.assign);
				return;
			case "end": {
				const process = this.#processes.get(attemptKey(effect.task, effect.attempt));
				if (process === undefined) return;
				if (effect.reason === "worker_lost") this.#world.saw("worker fenced itself or was fenced");
				if (this.#faults.ignoresEnd(effect.reason)) return;
				this.#world.after(this.#world.random.skewed(0, Math.min(effect.graceMs, 5000)), () => this.#finish(process, effect.reason));
				return;
			}
			case "resume": {
				this.#world.saw("output resumed");
				const { task, attempt, channel, offset } = effect;
				const process = this.#processes.get(attemptKey(task, attempt));
				const spooled = process?.written ?? this.#reports.get(attemptKey(task, attempt))?.report.outputBytes ?? 0;
				if (spooled > offset) this.#connection?.up({ type: "frame", channel, offset, bytes: spooled - offset });
				return;
			}
			case "forget":
				this.#reports.delete(attemptKey(effect.task, effect.attempt));
				return;
			case "left":
				return;
		}
	}

	#begin(assign: Assign): void {
		const work = assign.payload as unknown as SimulatedWork;
		const process: SimulatedProcess = {
			assign,
			token: `run-${this.#world.serial()}`,
			outcome: work.outcome,
			written: 0,
			startedAt: undefined,
			dead: false,
		};
		this.#processes.set(attemptKey(assign.task, assign.attempt), process);
		// Preparation: transfer and checkout.
		this.#later(process, this.#world.random.skewed(10, 8000), () => {
			process.startedAt = this.#world.now;
			this.#oracle.processStarted(this.name, assign.task, assign.attempt, process.token, () => this.#sleepingUntil > this.#world.now);
			this.#feed({ type: "attempt.started", task: assign.task, attempt: assign.attempt });
			const timeout = assign.policies.timeoutMs ?? Number.POSITIVE_INFINITY;
			const runMs = Math.min(work.runMs, this.#faults.timeoutFrom(timeout, assign, this.#world.now));
			for (let part = 1; part <= 3; part++)
				this.#later(process, (runMs * part) / 4, () => this.#write(process, Math.ceil(work.outputBytes / 3)));
			this.#later(process, runMs, () => this.#finish(process, runMs < work.runMs ? "timed_out" : work.outcome));
		});
	}

	#write(process: SimulatedProcess, bytes: number): void {
		const { task, attempt } = process.assign;
		const offset = process.written;
		process.written += bytes;
		const channel = this.#agent?.attempts.get(attemptKey(task, attempt))?.channel;
		if (channel !== undefined) this.#connection?.up({ type: "frame", channel, offset, bytes });
	}

	#finish(process: SimulatedProcess, outcome: Outcome): void {
		if (process.dead) return;
		const { task, attempt } = process.assign;
		this.#die(process);
		this.#processes.delete(attemptKey(task, attempt));
		const report: AttemptReport = {
			outcome,
			message: process.token,
			artifacts: [],
			missing: [],
			outputBytes: process.written,
			outputDroppedBytes: 0,
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
		this.#feed({ type: "attempt.ended", task, attempt, report });
	}

	#die(process: SimulatedProcess): void {
		if (process.dead) return;
		process.dead = true;
		if (process.startedAt !== undefined) this.#oracle.processEnded(process.assign.task, process.token);
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
