import type { V2ToWorkerMessage, WorkerOffer } from "@covey/protocol";
import { attemptKey } from "@covey/protocol";
import type { Effect } from "#core/effect.ts";
import type { Bend } from "./bend.ts";
import type { Upward } from "./connection.ts";
import type { Told } from "./coordinator.ts";
import type { Oracle } from "./oracle.ts";
import type { World } from "./world.ts";

/** The coordinator's end of a connection, whatever protocol the worker at the other end speaks. */
export interface CoordinatorSide {
	readonly id: string;
	onUp: (message: Upward) => void;
	onCoordinatorEnd: () => void;
	down(message: V2ToWorkerMessage): void;
	closeByCoordinator(): void;
}

interface Session {
	readonly connection: CoordinatorSide;
	readonly worker: string;
	readonly channels: Map<number, string>;
	readonly byKey: Map<string, number>;
}

/** What a log holds on disk: where it ends, and how much of that is marked missing. */
export interface SimulatedLog {
	end: number;
	missing: number;
}

export interface Introduction {
	readonly worker: string;
	readonly instance: string;
	readonly offer: WorkerOffer;
	readonly protocol: number;
}

/** The effects that name a session. */
export type SessionEffect = Exclude<Effect, { type: "reply" | "notify" }>;

/** The coordinator's side of its workers' connections: turns messages into events and effects into messages. Logs are its own. */
export class CoordinatorLink {
	/** By attempt key. On disk: survives the process. */
	readonly logs = new Map<string, SimulatedLog>();
	readonly #world: World;
	readonly #oracle: Oracle;
	readonly #bend: Bend;
	readonly #tell: (event: Told) => void;
	/** The attempt holds a lease: its report will count. */
	readonly #awaits: (task: string, attempt: number) => boolean;
	readonly #sessions = new Map<string, Session>();
	#channel = 0;

	constructor(world: World, oracle: Oracle, bend: Bend, tell: (event: Told) => void, awaits: (task: string, attempt: number) => boolean) {
		this.#awaits = awaits;
		this.#world = world;
		this.#oracle = oracle;
		this.#bend = bend;
		this.#tell = tell;
	}

	open(connection: CoordinatorSide, worker: string): void {
		this.#sessions.set(connection.id, { connection, worker, channels: new Map(), byKey: new Map() });
		connection.onUp = (message) => this.#received(connection.id, message);
		connection.onCoordinatorEnd = () => this.#disconnected(connection.id);
	}

	has(session: string): boolean {
		return this.#sessions.has(session);
	}

	/** The process dies. */
	closeAll(): void {
		for (const { connection } of this.#sessions.values()) connection.closeByCoordinator();
		this.#sessions.clear();
	}

	perform(effect: SessionEffect): void {
		const session = this.#sessions.get(effect.session);
		if (session === undefined) return;
		if (effect.type === "disconnect") {
			this.#world.saw("session replaced or closed");
			session.connection.closeByCoordinator();
			// Its close is heard of late, when a newer session may long be there.
			this.#world.after(this.#world.random.skewed(0, 5000), () => this.#disconnected(effect.session));
			return;
		}
		const message = this.#toMessage(session, effect);
		const bent = this.#bend.down === undefined ? message : this.#bend.down(message);
		if (bent !== undefined) session.connection.down(bent);
	}

	#received(id: string, message: Upward): void {
		const session = this.#sessions.get(id);
		if (session === undefined) return;
		const { worker } = session;
		switch (message.type) {
			case "frame": {
				const key = session.channels.get(message.channel);
				if (key !== undefined) this.#appendLog(key, message.offset, message.bytes, message.missing ?? 0);
				return;
			}
			case "sync":
				this.#tell({ ...message, type: "worker.sync", worker, session: id });
				return;
			case "offer":
				this.#tell({ type: "worker.offer", worker, session: id, offer: message.offer });
				return;
			case "started":
				this.#tell({ ...message, type: "attempt.started", worker, session: id });
				return;
			case "complete": {
				const { task, attempt, report } = message;
				// Of an attempt that was given up on nobody waits for the rest of the output.
				if (this.#awaits(task, attempt)) this.#oracle.logEnded(worker, task, attempt, report, this.logs.get(attemptKey(task, attempt)));
				this.#tell({ type: "attempt.completed", worker, session: id, task, attempt, report });
				return;
			}
			case "decline":
				this.#world.saw("worker declined");
				this.#world.note(() => `${worker} declines ${message.task} attempt ${message.attempt}: ${message.message}`);
				this.#tell({ ...message, type: "attempt.declined", worker, session: id });
				return;
			case "bye":
				this.#world.saw("worker left");
				this.#sessions.delete(id);
				this.#tell({ type: "worker.disconnect", worker, session: id, bye: true });
				return;
			default:
				return;
		}
	}

	#disconnected(id: string): void {
		const session = this.#sessions.get(id);
		if (session === undefined) return;
		this.#sessions.delete(id);
		this.#tell({ type: "worker.disconnect", worker: session.worker, session: id, bye: false });
	}

	/** Gapless, or marked: an overlap is dropped, and what the spool had to drop or a lost frame held becomes a gap. */
	#appendLog(key: string, offset: number, bytes: number, missing: number): void {
		const log = this.logs.get(key) ?? { end: 0, missing: 0 };
		this.logs.set(key, log);
		if (offset < log.end) this.#world.saw("resent output dropped");
		if (offset > log.end) log.missing += offset - log.end;
		const fresh = Math.max(0, offset + bytes - log.end);
		if (missing > 0) this.#world.saw("output gap marked");
		log.missing += Math.min(fresh, missing);
		log.end = Math.max(log.end, offset + bytes);
	}

	#toMessage(session: Session, effect: Exclude<SessionEffect, { type: "disconnect" }>): V2ToWorkerMessage {
		switch (effect.type) {
			case "assign":
				return { type: "assign", ...effect.message, channel: this.#openChannel(session, effect.message.task, effect.message.attempt) };
			case "end":
				return { type: "cancel", task: effect.task, attempt: effect.attempt, reason: effect.reason, graceMs: effect.graceMs };
			case "settle":
				return { type: "settle", task: effect.task, attempt: effect.attempt };
			case "drain":
				return { type: "drain", draining: effect.draining };
			case "synced":
				return {
					type: "synced",
					sequence: effect.sequence,
					end: [...effect.end],
					settled: [...effect.settled],
					draining: effect.draining,
					resume: effect.keep.map(({ task, attempt }) => ({
						task,
						attempt,
						channel: this.#openChannel(session, task, attempt),
						offset: this.logs.get(attemptKey(task, attempt))?.end ?? 0,
					})),
				};
		}
	}

	#openChannel(session: Session, task: string, attempt: number): number {
		const key = attemptKey(task, attempt);
		const known = session.byKey.get(key);
		if (known !== undefined) return known;
		const channel = ++this.#channel;
		session.channels.set(channel, key);
		session.byKey.set(key, channel);
		return channel;
	}
}
