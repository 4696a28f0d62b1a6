import type { TaskView, V2ToWorkerMessage, WorkerOffer } from "@covey/protocol";
import { attemptKey, isEnded } from "@covey/protocol";
import type { Effect, Reply } from "#core/effect.ts";
import type { Event } from "#core/event.ts";
import { createFleet, type Fleet, records, restore, resume, stateHash, takeChanges, viewOf } from "#core/fleet.ts";
import type { RecordChange } from "#core/record.ts";
import { nextTimerAt, step } from "#core/step.ts";
import { createMemoryDisk } from "#journal/memory/disk.ts";
import { type AppendFault, openMemoryJournal } from "#journal/memory/journal.ts";
import type { Journal } from "#ports/journal.ts";
import type { Connection, Upward } from "./connection.ts";
import type { Faults } from "./faults.ts";
import type { Oracle } from "./oracle.ts";
import type { Weather } from "./weather.ts";
import { Violation, type World } from "./world.ts";

type WithoutReply<T> = T extends { replyTo: number } ? Omit<T, "replyTo"> : never;
export type Asked = WithoutReply<Event>;

interface Session {
	readonly connection: Connection;
	readonly worker: string;
	readonly channels: Map<number, string>;
	readonly byKey: Map<string, number>;
}

export const leases = { leaseTtlMs: 90_000, leaseMarginMs: 10_000, syncMs: 15_000 };
const epoch = 1_700_000_000_000;

/**
 * The coordinator's driver, link and disks in a simulated world: the real core over the real memory journal. What
 * survives a crash is in `disk`, `history` and `logs`; everything else is lost with the process.
 */
export class CoordinatorNode {
	readonly disk = createMemoryDisk();
	/** Ended tasks, durably. */
	readonly history = new Map<string, TaskView>();
	/** Where the output of each attempt ends on disk, and what is marked missing. */
	readonly logs = new Map<string, { end: number; gaps: number }>();
	up = false;
	/** Connections find a listener here only while it is up and not frozen. */
	frozenUntil = 0;
	readonly #world: World;
	readonly #weather: Weather;
	readonly #oracle: Oracle;
	readonly #faults: Faults;
	fleet: Fleet = createFleet(leases);
	#journal: Journal = openMemoryJournal({ disk: this.disk });
	#queue: Event[] = [];
	#appending = false;
	#timerAt = Number.POSITIVE_INFINITY;
	#incarnation = 0;
	#skew = 0;
	#lastNow = 0;
	#replies = new Map<number, (reply: Reply) => void>();
	#sessions = new Map<string, Session>();
	#reply = 0;
	#channel = 0;
	#diskFull = false;
	calm = false;

	constructor(world: World, weather: Weather, oracle: Oracle, faults: Faults) {
		this.#world = world;
		this.#weather = weather;
		this.#oracle = oracle;
		this.#faults = faults;
	}

	/** Wall time of this process: may be wrong, never goes back while it lives. */
	get clock(): number {
		this.#lastNow = Math.max(this.#lastNow, epoch + this.#world.now + this.#skew);
		return this.#lastNow;
	}

	async start(): Promise<void> {
		this.#incarnation++;
		const { random } = this.#world;
		this.#skew = this.calm ? this.#skew : random.between(-this.#weather.clockJumpMs, this.#weather.clockJumpMs);
		this.#lastNow = 0;
		this.#journal = openMemoryJournal({ disk: this.disk, faultOf: () => this.#drawFault() });
		this.fleet = createFleet(leases);
		for await (const entry of this.#journal.recover()) restore(this.fleet, entry.changes);
		if (this.#incarnation > 1) {
			this.#world.saw("coordinator recovered");
			this.#oracle.recovered(stateHash(this.fleet), this.#journal.tail);
		}
		resume(this.fleet, this.clock);
		this.up = true;
		this.#feedHistory();
		this.#wakeForTimer();
	}

	/** kill -9. An append under way may have reached the disk, whole, torn or not at all. */
	async crash(): Promise<void> {
		if (!this.up) return;
		this.#world.saw("coordinator crashed");
		this.#world.note(() => "coordinator crashes");
		this.up = false;
		this.#incarnation++;
		for (const { connection } of this.#sessions.values()) connection.closeByCoordinator();
		this.#sessions.clear();
		this.#queue = [];
		this.#replies.clear();
		this.#appending = false;
		this.#diskFull = false;
		this.#timerAt = Number.POSITIVE_INFINITY;
	}

	/** Hands in an event and calls back when it is durable; never, if the process dies first. */
	ask(event: Asked, answer: (reply: Reply) => void): void {
		if (!this.up) return;
		const replyTo = ++this.#reply;
		this.#replies.set(replyTo, answer);
		this.#enqueue({ ...event, replyTo } as Event);
	}

	tell(event: Event): void {
		if (this.up) this.#enqueue(event);
	}

	/** What a client reads: never anything that is not durable. */
	read(task: string): TaskView | undefined {
		return this.#appending ? undefined : (viewOf(this.fleet).task(task) ?? this.history.get(task));
	}

	accept(connection: Connection, worker: string, instance: string, offer: WorkerOffer, protocol: number, welcome: () => void): void {
		const since = this.#incarnation;
		this.ask({ type: "worker.connect", worker, session: connection.id, instance, protocol, offer }, (reply) => {
			if (!reply.ok || this.#incarnation !== since) {
				connection.closeByCoordinator();
				return;
			}
			welcome();
		});
		this.#sessions.set(connection.id, { connection, worker, channels: new Map(), byKey: new Map() });
		connection.onUp = (message) => this.#received(connection.id, message);
		connection.onCoordinatorEnd = () => this.#disconnected(connection.id);
	}

	#received(sessionId: string, message: Upward): void {
		const session = this.#sessions.get(sessionId);
		if (session === undefined || !this.up) return;
		const { worker } = session;
		switch (message.type) {
			case "frame": {
				const key = session.channels.get(message.channel);
				if (key !== undefined) this.#appendLog(key, message.offset, message.bytes);
				return;
			}
			case "sync":
				this.#enqueue({
					type: "worker.sync",
					worker,
					session: sessionId,
					sequence: message.sequence,
					assigned: message.assigned,
					attempts: message.attempts,
					...(message.pressure && { pressure: message.pressure }),
				});
				return;
			case "offer":
				this.#enqueue({ type: "worker.offer", worker, session: sessionId, offer: message.offer });
				return;
			case "started":
				this.#enqueue({ type: "attempt.started", session: sessionId, worker, task: message.task, attempt: message.attempt });
				return;
			case "complete": {
				const { task, attempt, report } = message;
				const event: Event = { type: "attempt.completed", session: sessionId, worker, task, attempt, report };
				this.#enqueue(this.#faults.rewriteCompletion(event, this.fleet));
				return;
			}
			case "decline": {
				const { task, attempt } = message;
				this.#world.saw("worker declined");
				this.#world.note(() => `${worker} declines ${task} attempt ${attempt}: ${message.message}`);
				this.#enqueue(
					this.#faults.rewriteDecline({ type: "attempt.declined", session: sessionId, worker, task, attempt, message: message.message }),
				);
				return;
			}
			case "bye":
				this.#enqueue({ type: "worker.disconnect", worker, session: sessionId, bye: true });
				return;
			default:
				return;
		}
	}

	#disconnected(sessionId: string): void {
		const session = this.#sessions.get(sessionId);
		if (session === undefined) return;
		this.#sessions.delete(sessionId);
		const told = this.#faults.sessionOnClose(sessionId, session.worker, this.fleet);
		this.#enqueue({ type: "worker.disconnect", worker: session.worker, session: told, bye: false });
	}

	/** Gapless, or marked: an overlap is dropped, a jump ahead becomes a gap. */
	#appendLog(key: string, offset: number, bytes: number): void {
		const log = this.logs.get(key) ?? { end: 0, gaps: 0 };
		this.logs.set(key, log);
		if (offset < log.end) this.#world.saw("resent output dropped");
		if (offset > log.end) log.gaps += offset - log.end;
		log.end = Math.max(log.end, offset + bytes);
	}

	#enqueue(event: Event): void {
		this.#queue.push(event);
		this.#world.after(0, () => this.#turn());
	}

	/** One batch: step all that has come, make it durable, then act. */
	#turn(): void {
		if (!this.up || this.#appending || this.#queue.length === 0) return;
		if (this.#world.now < this.frozenUntil) {
			this.#world.after(this.frozenUntil - this.#world.now, () => this.#turn());
			return;
		}
		const events = this.#queue;
		this.#queue = [];
		const effects: Effect[] = [];
		for (const event of events) {
			this.#faults.beforeStep(event, this.fleet);
			if (event.type === "tick" && this.#faults.deaf("tick")) continue;
			const caused = step(this.fleet, event, this.clock);
			effects.push(...this.#faults.rewriteEffects(caused, event, this.fleet));
			this.#oracle.stepped(this.fleet, event, caused, this.clock);
		}
		const changes = this.#faults.rewriteChanges(takeChanges(this.fleet));
		if (changes.length === 0) {
			this.#perform(effects);
			this.#wakeForTimer();
			return;
		}
		this.#appending = true;
		void this.#commit(changes, effects);
	}

	#commit(changes: readonly RecordChange[], effects: readonly Effect[]): void {
		const since = this.#incarnation;
		this.#world.after(this.#world.random.skewed(0, 30), async () => {
			if (this.#incarnation !== since) return;
			const result = await this.#journal.append(this.#journal.tail, changes);
			if (result.kind === "full") {
				this.#world.saw("disk full");
				this.#diskFull = true;
				this.#world.after(1000, () => {
					if (this.#incarnation === since) this.#commit(changes, effects);
				});
				return;
			}
			if (result.kind !== "stored") {
				this.#world.saw(`append ${result.kind}`);
				await this.crashAndRestart();
				return;
			}
			this.#diskFull = false;
			this.#oracle.committed(stateHash(this.fleet), result.sequence);
			// Between the commit and its effects, and between any two of them, the process may die.
			const survives = await this.#performOrDie(effects);
			if (!survives) return;
			this.#appending = false;
			this.#feedHistory();
			this.#wakeForTimer();
			this.#turn();
			if (this.#world.random.chance(0.01)) await this.#snapshot();
		});
	}

	#crashDue = false;
	/** The next batch dies somewhere between its commit and its last effect. */
	crashAtNextEffect(): void {
		this.#crashDue = true;
	}

	async #performOrDie(effects: readonly Effect[]): Promise<boolean> {
		if (!this.#crashDue) {
			this.#perform(effects);
			return true;
		}
		this.#crashDue = false;
		this.#perform(effects.slice(0, this.#world.random.between(0, effects.length)));
		this.#world.saw("crash between commit and effects");
		await this.crashAndRestart();
		return false;
	}

	async crashAndRestart(): Promise<void> {
		await this.crash();
		this.#world.after(this.#world.random.skewed(200, 120_000), () => this.start());
	}

	get isFull(): boolean {
		return this.#diskFull;
	}

	#perform(effects: readonly Effect[]): void {
		for (const effect of effects) {
			if (effect.type === "reply") {
				this.#replies.get(effect.to)?.(effect.value);
				this.#replies.delete(effect.to);
				continue;
			}
			if (effect.type === "notify") {
				this.#oracle.told(effect.event, this.#journal.tail);
				continue;
			}
			const session = this.#sessions.get(effect.session);
			if (session === undefined) continue;
			if (effect.type === "disconnect") {
				this.#world.saw("session replaced or closed");
				this.#sessions.delete(effect.session);
				session.connection.closeByCoordinator();
				continue;
			}
			const message = this.#toMessage(session, effect);
			if (message !== undefined && !this.#faults.losesDown(message)) session.connection.down(message);
		}
	}

	#toMessage(session: Session, effect: Exclude<Effect, { type: "reply" | "notify" | "disconnect" }>): V2ToWorkerMessage | undefined {
		switch (effect.type) {
			case "assign":
				this.#oracle.assigned(effect.worker, effect.message.task, effect.message.attempt);
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
					end: [...effect.end, ...this.#faults.endsLiveWork(effect.keep)],
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

	/** Ended tasks go to history after their commit, and leave memory when they are there. */
	#feedHistory(): void {
		const since = this.#incarnation;
		const view = viewOf(this.fleet);
		const ended = view
			.tasks({ limit: 1000, matches: (task) => isEnded(task.status) })
			.tasks.filter(({ id }) => this.history.get(id)?.updatedAt === undefined);
		if (ended.length === 0) return;
		this.#world.after(this.#world.random.skewed(0, 500), () => {
			if (this.#incarnation !== since) return;
			for (const task of ended) {
				this.#oracle.archived(task, this.history.get(task.id));
				this.history.set(task.id, task);
			}
			this.#enqueue({ type: "history.holds", tasks: ended.map(({ id }) => id) });
		});
	}

	async #snapshot(): Promise<void> {
		if (this.#appending) return;
		const { tail } = this.#journal;
		// A snapshot holds what is durable: nothing is in flight here, so memory is what the tail says.
		await this.#journal.putSnapshot(tail, records(this.fleet), new AbortController().signal);
		await this.#journal.truncate(Math.max(0, tail - this.#world.random.between(0, 20)));
		this.#world.saw("journal snapshot");
	}

	#wakeForTimer(): void {
		const at = nextTimerAt(this.fleet);
		if (at === undefined || at >= this.#timerAt) return;
		this.#timerAt = at;
		const since = this.#incarnation;
		this.#world.after(at - this.clock, () => {
			if (this.#incarnation !== since || !this.up) return;
			this.#timerAt = Number.POSITIVE_INFINITY;
			this.#enqueue({ type: "tick" });
		});
	}

	#drawFault(): AppendFault | undefined {
		const { random } = this.#world;
		if (this.calm || this.#weather.diskFaultEvery === 0 || !random.chance(1 / this.#weather.diskFaultEvery)) return undefined;
		return random.pick(["full", "lost", "kept", "torn"] as const);
	}
}

/** For code that must not be reached. */
export function impossible(what: string): never {
	throw new Violation(what);
}
