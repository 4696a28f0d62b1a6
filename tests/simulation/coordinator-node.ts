import type { TaskView } from "@covey/protocol";
import { isEnded } from "@covey/protocol";
import type { Effect, Reply } from "#core/effect.ts";
import type { Event } from "#core/event.ts";
import { createFleet, type Fleet, records, restore, resume, stateHash, takeChanges, viewOf } from "#core/fleet.ts";
import type { RecordChange } from "#core/record.ts";
import { nextTimerAt, step } from "#core/step.ts";
import { createMemoryDisk } from "#journal/memory/disk.ts";
import { type AppendFault, openMemoryJournal } from "#journal/memory/journal.ts";
import type { Journal } from "#ports/journal.ts";
import type { Bend } from "./bend.ts";
import { type Asked, type Coordinator, epoch, leases } from "./coordinator.ts";
import { CoordinatorLink, type CoordinatorSide, type Introduction } from "./coordinator-link.ts";
import type { Oracle } from "./oracle.ts";
import type { Weather } from "./weather.ts";
import type { WorkerNode } from "./worker-node.ts";
import { Violation, type World } from "./world.ts";

/**
 * A coordinator with a model of the driver, which lets the oracles look at every step of the real core: over the real
 * memory journal. What survives a crash is in `disk`, `history` and `logs`; everything else is lost with the process.
 */
export class CoordinatorNode implements Coordinator {
	readonly disk = createMemoryDisk();
	readonly history = new Map<string, TaskView>();
	readonly link: CoordinatorLink;
	up = false;
	embedded: WorkerNode | undefined;
	frozenUntil = 0;
	readonly #world: World;
	readonly #weather: Weather;
	readonly #oracle: Oracle;
	readonly #bend: Bend;
	fleet: Fleet = createFleet(leases);
	#journal: Journal = openMemoryJournal({ disk: this.disk });
	#queue: Event[] = [];
	#appending = false;
	#timerAt = Number.POSITIVE_INFINITY;
	#incarnation = 0;
	#skew = 0;
	#lastNow = 0;
	#replies = new Map<number, (reply: Reply) => void>();
	#reply = 0;
	#crashDue = false;
	/** On their way to history. */
	readonly #archiving = new Set<string>();

	constructor(world: World, weather: Weather, oracle: Oracle, bend: Bend) {
		this.#world = world;
		this.#weather = weather;
		this.#oracle = oracle;
		this.#bend = bend;
		this.link = new CoordinatorLink(
			world,
			oracle,
			bend,
			(event) => this.tell(event),
			(task, attempt) => viewOf(this.fleet).taskRecord(task)?.lease?.attempt === attempt,
		);
	}

	/** Wall time of this process: may be wrong, never goes back while it lives. */
	get clock(): number {
		this.#lastNow = Math.max(this.#lastNow, epoch + this.#world.now + this.#skew);
		return this.#lastNow;
	}

	async start(): Promise<void> {
		this.#incarnation++;
		const { random } = this.#world;
		this.#skew = this.#world.calm ? this.#skew : random.between(-this.#weather.clockJumpMs, this.#weather.clockJumpMs);
		this.#lastNow = 0;
		this.#journal = openMemoryJournal({ disk: this.disk, faultOf: () => this.#drawFault() });
		this.fleet = createFleet(leases);
		for await (const entry of this.#journal.recover()) restore(this.fleet, entry.changes);
		if (this.#incarnation > 1) {
			this.#world.saw("coordinator recovered");
			this.#oracle.recovered(this.fleet, this.#journal.tail);
			this.#oracle.restarted();
		}
		this.#bend.recovered?.(this.fleet, this.clock);
		resume(this.fleet, this.clock);
		this.up = true;
		this.embedded?.start();
		this.#feedHistory();
		this.#wakeForTimer();
	}

	/** kill -9. An append under way may have reached the disk, whole, torn or not at all. */
	crash(): void {
		if (!this.up) return;
		this.#world.saw("coordinator crashed");
		this.#world.note(() => "coordinator crashes");
		this.up = false;
		this.#incarnation++;
		this.embedded?.crash();
		this.link.closeAll();
		this.#queue = [];
		this.#replies.clear();
		this.#archiving.clear();
		this.#appending = false;
		this.#timerAt = Number.POSITIVE_INFINITY;
	}

	ask(event: Asked, answer: (reply: Reply) => void): void {
		if (!this.up) return;
		const replyTo = ++this.#reply;
		this.#replies.set(replyTo, answer);
		this.#enqueue({ ...event, replyTo } as Event);
	}

	tell(event: Event): void {
		if (this.up) this.#enqueue(event);
	}

	read(task: string): TaskView | undefined {
		return this.#appending ? undefined : (viewOf(this.fleet).task(task) ?? this.history.get(task));
	}

	accept(connection: CoordinatorSide, { worker, instance, offer, protocol }: Introduction, welcome: () => void): void {
		const since = this.#incarnation;
		this.ask({ type: "worker.connect", worker, session: connection.id, instance, protocol, offer }, (reply) => {
			if (!reply.ok || this.#incarnation !== since) {
				connection.closeByCoordinator();
				return;
			}
			welcome();
		});
		this.link.open(connection, worker);
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
		const effects = events.flatMap((event) =>
			(this.#bend.event?.(event, this.fleet, this.clock) ?? [event]).flatMap((each) => this.#step(each)),
		);
		this.#oracle.batched(this.fleet, effects, (session) => this.link.has(session));
		const taken = takeChanges(this.fleet);
		const changes = this.#bend.changes?.(taken) ?? taken;
		if (changes.length === 0) {
			this.#perform(effects);
			this.#wakeForTimer();
			return;
		}
		this.#appending = true;
		if (this.#bend.tellsBeforeDurable) this.#perform(effects);
		this.#commit(changes, this.#bend.tellsBeforeDurable ? [] : effects);
	}

	#step(event: Event): readonly Effect[] {
		const go = (): readonly Effect[] => step(this.fleet, event, this.clock);
		const effects = this.#bend.step?.(this.fleet, event, this.clock, go) ?? go();
		this.#oracle.stepped(this.fleet, event, effects, this.clock);
		return effects;
	}

	#commit(changes: readonly RecordChange[], effects: readonly Effect[]): void {
		const since = this.#incarnation;
		this.#world.after(this.#world.random.skewed(0, 30), async () => {
			if (this.#incarnation !== since) return;
			const result = await this.#journal.append(this.#journal.tail, changes);
			if (result.kind === "full") {
				this.#world.saw("disk full");
				this.#world.after(1000, () => {
					if (this.#incarnation === since) this.#commit(changes, effects);
				});
				return;
			}
			if (result.kind !== "stored") {
				this.#world.saw(`append ${result.kind}`);
				this.crashAndRestart();
				return;
			}
			this.#oracle.committed(this.fleet, result.sequence);
			// Between the commit and its effects, and between any two of them, the process may die.
			if (!this.#performOrDie(effects)) return;
			this.#appending = false;
			this.#feedHistory();
			this.#wakeForTimer();
			if (this.#world.random.chance(0.01)) await this.#snapshot();
			this.#turn();
		});
	}

	crashAtNextEffect(): void {
		this.#crashDue = true;
	}

	#performOrDie(effects: readonly Effect[]): boolean {
		if (!this.#crashDue) {
			this.#perform(effects);
			return true;
		}
		this.#crashDue = false;
		this.#perform(effects.slice(0, this.#world.random.between(0, effects.length)));
		this.#world.saw("crash between commit and effects");
		this.crashAndRestart();
		return false;
	}

	crashAndRestart(): void {
		this.crash();
		this.#world.after(this.#world.random.skewed(200, 120_000), () => this.start());
	}

	#perform(effects: readonly Effect[]): void {
		for (const effect of effects) {
			if (effect.type === "reply") {
				this.#replies.get(effect.to)?.(effect.value);
				this.#replies.delete(effect.to);
			} else if (effect.type === "notify") this.#oracle.told(effect.event);
			else this.link.perform(effect);
		}
	}

	/** Ended tasks go to history after their commit, and leave memory when they are there. */
	#feedHistory(): void {
		const since = this.#incarnation;
		const { tasks } = viewOf(this.fleet).tasks({
			limit: 1000,
			matches: ({ spec, status }) => isEnded(status) && !this.#archiving.has(spec.id),
		});
		if (tasks.length === 0) return;
		for (const { id } of tasks) this.#archiving.add(id);
		this.#world.after(this.#world.random.skewed(0, 500), () => {
			if (this.#incarnation !== since) return;
			for (const task of tasks) {
				this.#oracle.archived(task, this.history.get(task.id));
				this.history.set(task.id, task);
				this.#archiving.delete(task.id);
			}
			this.#enqueue({ type: "history.holds", tasks });
		});
	}

	/** Holds what is durable: nothing is in flight here, so memory is what the tail says. */
	async #snapshot(): Promise<void> {
		const since = this.#incarnation;
		let live = [...records(this.fleet)];
		if (this.#bend.snapshotsOverTime) {
			const half = live.slice(0, live.length >> 1);
			this.#world.after(this.#world.random.between(1, 2000), async () => {
				if (this.#incarnation !== since || this.#appending) return;
				live = [...half, ...[...records(this.fleet)].slice(half.length)];
				await this.#putSnapshot(live);
			});
		} else await this.#putSnapshot(live);
	}

	async #putSnapshot(live: readonly RecordChange[]): Promise<void> {
		const { tail } = this.#journal;
		await this.#journal.putSnapshot(tail, live, new AbortController().signal);
		await this.#journal.truncate(Math.max(0, tail - this.#world.random.between(0, 20)));
		this.#world.saw("journal snapshot");
		await this.checkDisk();
	}

	async checkDisk(): Promise<void> {
		if (!this.up || this.#appending) return;
		const found = createFleet(leases);
		for await (const entry of openMemoryJournal({ disk: this.disk }).recover()) restore(found, entry.changes);
		if (stateHash(found) !== stateHash(this.fleet)) throw new Violation(`the state on disk at ${this.#journal.tail} differs from memory`);
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
		if (this.#world.calm || this.#weather.diskFaultEvery === 0 || !random.chance(1 / this.#weather.diskFaultEvery)) return undefined;
		return random.pick(["full", "lost", "kept", "torn"] as const);
	}
}
