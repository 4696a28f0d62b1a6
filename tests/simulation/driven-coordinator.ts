import type { TaskView } from "@covey/protocol";
import { CoveyError } from "@covey/protocol";
import { Archivist } from "#coordinator/archivist.ts";
import { Driver } from "#coordinator/driver.ts";
import type { Effect, Reply } from "#core/effect.ts";
import { createFleet, type Fleet, restore, stateHash, viewOf } from "#core/fleet.ts";
import type { RecordChange } from "#core/record.ts";
import type { Lease } from "#core/task.ts";
import { createMemoryDisk } from "#journal/memory/disk.ts";
import type { AppendFault } from "#journal/memory/journal.ts";
import type { Clock } from "#kit/clock.ts";
import { silentLogger } from "#kit/logger.ts";
import type { History } from "#ports/history.ts";
import type { AppendResult } from "#ports/journal.ts";
import type { Bend } from "./bend.ts";
import { type Asked, type Coordinator, epoch, leases, type Told } from "./coordinator.ts";
import { CoordinatorLink, type CoordinatorSide, type Introduction } from "./coordinator-link.ts";
import { openDrivenJournal, readDisk } from "./driven-journal.ts";
import type { Oracle } from "./oracle.ts";
import type { Weather } from "./weather.ts";
import type { WorkerNode } from "./worker-node.ts";
import { Violation, type World } from "./world.ts";

/** Refusals of the driver itself: whether the call takes effect is not known, and whoever asked asks again. */
const undecided: ReadonlySet<string> = new Set(["unavailable", "store_full", "too_many"]);

/**
 * A coordinator that is driven by the real driver, archivist and checkpoint, on a journal and a history in memory. Its
 * fleet is its own; what is known of it from outside is the disk, held against all that it tells and answers.
 */
export class DrivenCoordinator implements Coordinator {
	readonly history = new Map<string, TaskView>();
	readonly link: CoordinatorLink;
	/** What is on disk. */
	fleet: Fleet = createFleet(leases);
	embedded: WorkerNode | undefined;
	frozenUntil = 0;
	readonly #world: World;
	readonly #weather: Weather;
	readonly #oracle: Oracle;
	readonly #bend: Bend;
	readonly #disk = createMemoryDisk();
	#driver: Driver | undefined;
	/** The journal has failed under this process, which must end for that. */
	#doomed = false;
	/** The journal was full at the last append: memory is ahead of the disk, and readers may see that. */
	#full = false;
	#incarnation = 0;
	#alive = false;
	#skew = 0;
	#lastNow = 0;
	/** Sequence of the last entry on disk. */
	#stored = 0;
	/** Up to where history has it. */
	#applied = 0;
	#crashDue = false;
	#fullUntil = 0;

	constructor(world: World, weather: Weather, oracle: Oracle, bend: Bend) {
		this.#world = world;
		this.#weather = weather;
		this.#oracle = oracle;
		this.#bend = bend;
		this.link = new CoordinatorLink(
			world,
			oracle,
			bend,
			(event) => this.#tell(event),
			(task, attempt) => this.#leaseOf(task)?.attempt === attempt,
		);
	}

	get up(): boolean {
		return this.#driver?.state === "ready" || this.#driver?.state === "read_only";
	}

	/** Wall time of this process: may be wrong, never goes back while it lives. */
	get #now(): number {
		this.#lastNow = Math.max(this.#lastNow, epoch + this.#world.now + this.#skew);
		return this.#lastNow;
	}

	/** In this process, if it lives by then, and when it moves. */
	readonly later = (ms: number, action: () => void): void => {
		// Code of a dead process may still be running down: nothing comes of it.
		if (!this.#alive) return;
		const since = this.#incarnation;
		const act = (): void => {
			if (this.#incarnation !== since) return;
			if (this.#world.now < this.frozenUntil) this.#world.after(this.frozenUntil - this.#world.now, act);
			else action();
		};
		this.#world.after(ms, act);
	};

	async start(): Promise<void> {
		this.#incarnation++;
		this.#alive = true;
		const { random, calm } = this.#world;
		if (!calm) this.#skew = random.between(-this.#weather.clockJumpMs, this.#weather.clockJumpMs);
		this.#lastNow = 0;
		this.#doomed = false;
		this.#full = false;
		await this.#readDisk();
		if (this.#incarnation > 1) {
			this.#world.saw("driver recovered");
			this.#oracle.restarted();
		}
		const clock: Clock = { now: () => this.#now, monotonic: () => this.#world.now, sleep: (ms, signal) => this.#sleep(ms, signal) };
		const journal = openDrivenJournal({
			disk: this.#disk,
			later: this.later,
			random,
			faultOf: () => this.#drawFault(),
			lies: this.#bend.tellsBeforeDurable === true,
			appended: (result, changes) => this.#appended(result, changes),
			snapshotStored: () => this.#world.saw("driver's checkpoint"),
		});
		const driver = new Driver({
			journal,
			archivist: new Archivist({ history: this.#openHistory(), clock, logger: silentLogger }),
			clock,
			logger: silentLogger,
			onFatal: (cause) => this.#ended(cause),
			fleet: leases,
			checkpointChangesMin: 100,
		});
		driver.subscribe((effects) => this.#perform(effects));
		await driver.start(new AbortController().signal);
		this.#driver = driver;
		this.embedded?.start();
		this.#read();
	}

	crashAndRestart(): void {
		if (this.#driver === undefined) return;
		this.#world.saw("driver crashed");
		this.#world.note(() => "coordinator crashes");
		this.#incarnation++;
		this.#alive = false;
		this.#driver = undefined;
		this.embedded?.crash();
		this.link.closeAll();
		this.#world.after(this.#world.random.skewed(200, 120_000), () => this.start());
	}

	crashAtNextEffect(): void {
		this.#crashDue = true;
	}

	ask(event: Asked, answer: (reply: Reply) => void): void {
		const since = this.#incarnation;
		const told = (reply: Reply): void => {
			if (this.#incarnation === since) answer(reply);
		};
		const refused = (error: unknown): void => {
			if (!(error instanceof CoveyError)) throw error;
			if (undecided.has(error.code)) this.#world.saw(`driver refused: ${error.code}`);
			else told({ ok: false, error: error.toWire() });
		};
		this.#driver?.ask(event).then(told, refused).catch(this.#world.fail);
	}

	#tell(event: Told): void {
		this.#driver?.tell(event);
	}

	read(task: string): TaskView | undefined {
		return viewOf(this.fleet).task(task) ?? this.history.get(task);
	}

	accept(connection: CoordinatorSide, { worker, instance, offer, protocol }: Introduction, welcome: () => void): void {
		this.ask({ type: "worker.connect", worker, session: connection.id, instance, protocol, offer }, (reply) => {
			if (reply.ok) welcome();
			else connection.closeByCoordinator();
		});
		this.link.open(connection, worker);
	}

	checkDisk(): Promise<void> {
		return this.#readDisk();
	}

	/** All that was stored is there, and perhaps an entry of which nobody was told. */
	async #readDisk(): Promise<void> {
		const { fleet, tail } = await readDisk(this.#disk);
		if (tail < this.#stored) throw new Violation(`the journal ends at ${tail}, and ${this.#stored} was stored`);
		if (tail === this.#stored && stateHash(fleet) !== stateHash(this.fleet))
			throw new Violation(`what is read at ${tail} differs from what was stored`);
		this.fleet = fleet;
		this.#stored = tail;
	}

	/** The driver ends its process. It may for the sake of its journal, and for nothing else. */
	#ended(cause: unknown): void {
		if (!this.#doomed) this.#world.fail(cause);
		this.crashAndRestart();
	}

	#perform(effects: readonly Effect[]): void {
		this.#checkDurable(effects);
		const most = this.#crashDue ? this.#world.random.between(0, effects.length) : effects.length;
		for (const effect of effects.slice(0, most)) {
			if (effect.type === "notify") this.#oracle.told(effect.event);
			else if (effect.type !== "reply") this.link.perform(effect);
		}
		if (!this.#crashDue) return;
		this.#crashDue = false;
		this.#world.saw("driver crashed between commit and effects");
		this.crashAndRestart();
	}

	/** Nothing is told of a task that the disk does not say as well. */
	#checkDurable(effects: readonly Effect[]): void {
		const told = new Map<string, string>();
		for (const effect of effects)
			if (effect.type === "notify" && effect.event.type === "task")
				told.set(effect.event.task, `${effect.event.status} ${effect.event.attempt}`);
		for (const [task, last] of told) {
			const { status, attempt } = this.fleet.tasks.get(task) ?? {};
			if (last !== `${status} ${attempt}`) throw new Violation(`${task} is told to be ${last}, and the disk says ${status} ${attempt}`);
		}
	}

	#appended(result: AppendResult, changes: readonly RecordChange[]): void {
		this.#full = result.kind === "full";
		if (result.kind === "stored") {
			// As a copy, for the driver goes on with its own.
			restore(this.fleet, structuredClone(changes));
			this.#stored = result.sequence;
			return;
		}
		this.#world.saw(`driver's append: ${result.kind}`);
		this.#doomed ||= !this.#full;
	}

	/** Now and then somebody reads a task, and must see what is on disk. */
	#read(): void {
		this.later(this.#world.random.skewed(1, 60_000), () => {
			this.#read();
			const task = this.#world.random.pick([...this.fleet.tasks.keys()]);
			const check = (seen: TaskView | undefined): void => {
				if (this.#full) return;
				const stored = viewOf(this.fleet).task(task);
				this.#world.saw("driver's answer compared");
				if (JSON.stringify(seen) !== JSON.stringify(stored))
					throw new Violation(`a reader sees ${task} as ${JSON.stringify(seen)}, and the disk holds ${JSON.stringify(stored)}`);
			};
			if (task !== undefined)
				this.#driver
					?.query((view) => view.task(task))
					.then(check)
					.catch(this.#world.fail);
		});
	}

	#leaseOf(task: string): Lease | undefined {
		let lease: Lease | undefined;
		this.#driver?.query((view) => (lease = view.taskRecord(task)?.lease)).catch(this.#world.fail);
		return lease;
	}

	#openHistory(): History {
		const unused = (): never => {
			throw new Error("the simulation does not ask this of a history");
		};
		const applied = (): number => this.#applied;
		return {
			get appliedSequence() {
				return applied();
			},
			apply: async ({ sequence, tasks }) => {
				await this.#takeTime();
				if (this.#driver !== undefined && this.#diskFails(4)) {
					this.#world.saw("driver's history failed");
					throw new Error("disk I/O error");
				}
				if (sequence <= this.#applied) return;
				for (const task of tasks) this.#archive(task, sequence);
				this.#applied = sequence;
				await this.#takeTime();
			},
			get: unused,
			findByDedupKey: unused,
			byId: unused,
			list: unused,
			audit: unused,
			counts: unused,
			reset: unused,
			trim: unused,
			close: unused,
			[Symbol.asyncDispose]: unused,
		};
	}

	#archive(task: TaskView, sequence: number): void {
		try {
			const stored = viewOf(this.fleet).task(task.id);
			if (sequence > this.#stored || (stored?.updatedAt === task.updatedAt && JSON.stringify(stored) !== JSON.stringify(task)))
				throw new Violation(`history is given ${task.id} as ${JSON.stringify(task)}, and the disk holds ${JSON.stringify(stored)}`);
			this.#oracle.archived(task, this.history.get(task.id));
		} catch (violation) {
			// The archivist would take it for a fault of the disk, and try again.
			this.#world.fail(violation);
		}
		this.history.set(task.id, task);
	}

	/** While a process starts, nothing else of it happens: whatever takes time then takes none. */
	async #takeTime(): Promise<void> {
		if (this.#driver !== undefined) await new Promise<void>((resolve) => this.later(this.#world.random.skewed(0, 500), resolve));
	}

	#sleep(ms: number, signal: AbortSignal): Promise<void> {
		return new Promise((resolve, reject) => {
			signal.addEventListener("abort", () => reject(signal.reason), { once: true });
			if (signal.aborted) reject(signal.reason);
			else this.later(ms, resolve);
		});
	}

	#drawFault(): AppendFault | undefined {
		const { now, random, calm } = this.#world;
		if (now < this.#fullUntil && !calm) return "full";
		if (!this.#diskFails(2)) return undefined;
		const fault = random.pick(["full", "full", "lost", "kept", "torn"] as const);
		if (fault === "full") this.#fullUntil = now + random.skewed(0, 120_000);
		return fault;
	}

	/** So many times as often as the weather says. */
	#diskFails(times: number): boolean {
		const { diskFaultEvery } = this.#weather;
		return !this.#world.calm && diskFaultEvery > 0 && this.#world.random.chance(times / diskFaultEvery);
	}
}
