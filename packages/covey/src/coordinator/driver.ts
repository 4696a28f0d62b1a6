import { CoveyError } from "@covey/protocol";
import { records, takeChanges } from "#core/changes.ts";
import type { Effect, Reply } from "#core/effect.ts";
import type { Event } from "#core/event.ts";
import { createFleet, type Fleet, type FleetConfig } from "#core/fleet.ts";
import type { RecordChange } from "#core/record.ts";
import { restore, resume } from "#core/restore.ts";
import { nextTimerAt, step } from "#core/step.ts";
import type { FleetView } from "#core/view.ts";
import { viewOf } from "#core/view-of.ts";
import type { Clock } from "#kit/clock.ts";
import { type Deferred, deferred } from "#kit/deferred.ts";
import type { Logger } from "#kit/logger.ts";
import type { Service } from "#kit/service.ts";
import type { Control } from "#ports/control.ts";
import type { Journal } from "#ports/journal.ts";
import type { Archivist, EndedTask } from "./archivist.ts";
import { Checkpoint } from "./checkpoint.ts";
import { driverLimits } from "./limits.ts";

export interface DriverOptions {
	readonly journal: Journal;
	readonly archivist: Archivist;
	readonly clock: Clock;
	readonly logger: Logger;
	/** The journal has another owner, or nobody knows what it holds: end the process, so that it recovers. Called once. */
	readonly onFatal: (cause: unknown) => void;
	/** After each durable entry. */
	readonly onCommit?: (commit: Commit) => void;
	/** Bounds other than the default ones. */
	readonly fleet?: Partial<FleetConfig>;
	/** Of `driverLimits`, for tests. */
	readonly checkpointChangesMin?: number;
}

/** One durable entry, for those who count. */
export interface Commit {
	readonly durationMs: number;
	readonly changes: number;
	readonly events: number;
	readonly ended: readonly EndedTask[];
}

/** Asks that leave no audit entry. */
const unaudited: ReadonlySet<Event["type"]> = new Set(["task.submit", "task.hold", "worker.connect"]);

type Granted = Extract<Reply, { ok: true }>;
type Listener = (effects: readonly Effect[], sequence: number) => void;

/** What waits for one entry to be durable. */
interface Batch {
	readonly effects: Effect[];
	/** Hand over the answers of queries that saw what this batch changed. */
	readonly readers: (() => void)[];
	events: number;
}

/**
 * The only loop, and the only owner of the fleet's state.
 *
 * Events are stepped in the turn in which they came. What a step changed waits with its effects in the *held* batch
 * while one append is in flight; when that returns, its batch is told and all that was held becomes the next entry
 * (group commit). A lone event thus waits for one append, and a flood for few. Effects, replies and the answers of
 * queries leave only after the entry that holds what they tell.
 *
 * States: starting → ready ⇄ read_only, ready → draining → stopped.
 * - `read_only`: the journal is full. The entry stays in hand and is tried again until there is space; nothing of it
 *   is told. Asks are refused with `store_full`, also those in hand (their refusal says that they may take effect yet).
 *   Queries answer at once from memory, which may be ahead of the disk by what is in hand. Workers are still told
 *   which attempts they rightly run, so that running work outlives a full disk.
 * - An append that ends as `conflict` or `unknown` is fatal: everything untold is dropped.
 */
export class Driver implements Control, Service {
	readonly #options: DriverOptions;
	readonly #stopping = new AbortController();
	readonly #checkpoint: Checkpoint;
	readonly #asks = new Map<number, Deferred<Granted>>();
	readonly #listeners = new Set<Listener>();
	readonly #fleet: Fleet;
	readonly #view: FleetView;
	#phase: "starting" | "running" | "stopped" = "starting";
	#draining = false;
	#full = false;
	#sequence = 0;
	#queue: Event[] = [];
	#held: Batch = newBatch();
	/** Its entry is being appended. */
	#inFlight: Batch | undefined;
	#appended: Promise<void> = Promise.resolve();
	#turn: NodeJS.Immediate | undefined;
	#timer: NodeJS.Timeout | undefined;
	#timerAt: number | undefined;
	#lastReply = 0;
	#stopped: Promise<void> | undefined;

	constructor(options: DriverOptions) {
		this.#options = options;
		this.#fleet = createFleet(options.fleet);
		this.#view = viewOf(this.#fleet);
		this.#checkpoint = new Checkpoint({ ...options, signal: this.#stopping.signal });
	}

	get sequence(): number {
		return this.#sequence;
	}

	get state(): Control["state"] {
		if (this.#phase !== "running") return this.#phase;
		if (this.#full) return "read_only";
		return this.#draining ? "draining" : "ready";
	}

	/** Recovers the fleet from the journal and brings history up to it. */
	async start(signal: AbortSignal): Promise<void> {
		const { journal, archivist, clock } = this.#options;
		for await (const entry of journal.recover()) {
			signal.throwIfAborted();
			restore(this.#fleet, entry.changes);
			this.#sequence = entry.sequence;
			await archivist.replay(entry, this.#view);
		}
		await archivist.replayed(this.#sequence);
		resume(this.#fleet, clock.now());
		archivist.start(this.#view, (tasks) => this.tell({ type: "history.holds", tasks }));
		this.#phase = "running";
		this.#schedule();
	}

	/** Refuses new tasks from now on; everything else goes on. */
	drain(): void {
		this.#draining = true;
	}

	/** Carries out what was handed in, as far as the journal takes it, and refuses the rest. */
	stop(): Promise<void> {
		this.#stopped ??= this.#stop();
		return this.#stopped;
	}

	async [Symbol.asyncDispose](): Promise<void> {
		await this.stop();
	}

	ask(event: Parameters<Control["ask"]>[0]): Promise<Granted> {
		const refusal = this.#refusal(event.type);
		if (refusal) return Promise.reject(refusal);
		const ask = deferred<Granted>();
		this.#asks.set(++this.#lastReply, ask);
		this.#queue.push({ ...event, replyTo: this.#lastReply } as Event);
		this.#schedule();
		return ask.promise;
	}

	tell(event: Parameters<Control["tell"]>[0]): void {
		if (this.#phase === "stopped") return;
		this.#queue.push(event);
		this.#schedule();
	}

	query<T>(read: (fleet: FleetView) => T): Promise<T> {
		if (this.#phase !== "running") return Promise.reject(new CoveyError("unavailable", `the coordinator is ${this.#phase}`));
		const value = read(this.#view);
		const saw = this.#held.events > 0 ? this.#held : this.#inFlight;
		if (!saw || this.#full) return Promise.resolve(value);
		const answer = deferred<T>();
		saw.readers.push(() => answer.resolve(value));
		return answer.promise;
	}

	subscribe(listener: Listener): Disposable {
		this.#listeners.add(listener);
		return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
	}

	/** At the end of this turn of the event loop, so that all that came with it is stepped together. */
	#schedule(): void {
		if (this.#phase === "running") this.#turn ??= setImmediate(() => this.#takeTurn());
	}

	#takeTurn(): void {
		this.#turn = undefined;
		// A checkpoint copies the state between two entries: until then nothing may run ahead of the disk.
		if (this.#phase !== "running" || (this.#checkpoint.due && this.#inFlight && !this.#full)) return;
		try {
			this.#stepAll();
			this.#flush();
			this.#armTimer();
		} catch (error) {
			this.#fail(error);
		}
	}

	#stepAll(): void {
		const now = this.#options.clock.now();
		const due = nextTimerAt(this.#fleet);
		if (due !== undefined && due <= now) this.#queue.push({ type: "tick" });
		const events = this.#queue;
		this.#queue = [];
		for (const event of events) {
			if (event.type === "task.resolve") this.#options.archivist.keep(event.task);
			for (const effect of step(this.#fleet, event, now)) this.#hold(effect);
		}
		this.#held.events += events.length;
	}

	#hold(effect: Effect): void {
		if (this.#full && effect.type === "synced") this.#tell([{ ...effect, end: [], settled: [] }]);
		else this.#held.effects.push(effect);
	}

	/** Starts the append of what is held, or tells it at once when it changed nothing on record. */
	#flush(): void {
		if (this.#inFlight) return;
		if (this.#checkpoint.due && this.#held.events === 0) this.#checkpoint.take(this.#sequence, records(this.#fleet));
		const batch = this.#held;
		const changes = takeChanges(this.#fleet);
		this.#held = newBatch();
		if (changes.length === 0) {
			this.#release(batch);
			return;
		}
		this.#inFlight = batch;
		this.#appended = this.#append(changes, batch).catch((error) => this.#fail(error));
	}

	async #append(changes: readonly RecordChange[], batch: Batch): Promise<void> {
		const { archivist, clock, onCommit } = this.#options;
		const archive = archivist.select(changes, this.#view);
		const startedAt = clock.monotonic();
		const stored = await this.#appendUntilStored(changes);
		if (!stored || this.#phase === "stopped") return;
		this.#inFlight = undefined;
		onCommit?.({ durationMs: clock.monotonic() - startedAt, changes: changes.length, events: batch.events, ended: archive.ended });
		archivist.add(this.#sequence, archive);
		this.#checkpoint.count(changes.length);
		this.#release(batch);
		this.#flush();
		// A turn that waited for a checkpoint has left behind what it was for: events, or the timer that began it.
		if (this.#queue.length > 0 || nextTimerAt(this.#fleet) !== this.#timerAt) this.#schedule();
	}

	/** @returns false when stopped while the journal was full. @throws when the journal may not be written any more. */
	async #appendUntilStored(changes: readonly RecordChange[]): Promise<boolean> {
		const { journal, clock } = this.#options;
		for (;;) {
			const result = await journal.append(this.#sequence, changes);
			if (result.kind === "stored") {
				this.#sequence = result.sequence;
				this.#becomeWritable();
				return true;
			}
			if (result.kind !== "full") {
				throw new Error(`the journal did not take entry ${this.#sequence + 1}: ${result.kind}`, {
					cause: result.kind === "unknown" ? result.cause : undefined,
				});
			}
			if (this.#stopping.signal.aborted) return false;
			this.#becomeReadOnly();
			await clock.sleep(driverLimits.fullRetryMs, this.#stopping.signal).catch(() => {});
		}
	}

	#release(batch: Batch): void {
		const others: Effect[] = [];
		for (const effect of batch.effects) {
			if (effect.type === "reply") this.#answer(effect.to, effect.value);
			else others.push(effect);
		}
		this.#tell(others);
		for (const reader of batch.readers) reader();
	}

	#answer(to: number, reply: Reply): void {
		const ask = this.#asks.get(to);
		this.#asks.delete(to);
		if (reply.ok) ask?.resolve(reply);
		else ask?.reject(CoveyError.from(reply.error));
	}

	#tell(effects: readonly Effect[]): void {
		if (effects.length > 0) for (const listener of this.#listeners) listener(effects, this.#sequence);
	}

	#refusal(type: Event["type"]): CoveyError | undefined {
		if (this.#phase !== "running") return new CoveyError("unavailable", `the coordinator is ${this.#phase}`, { retryAfterMs: 1000 });
		if (this.#full) {
			return new CoveyError("store_full", "the coordinator's disk is full: it takes no changes", {
				hint: "make space on the coordinator's disk; it goes on by itself",
				retryAfterMs: driverLimits.fullRetryMs,
			});
		}
		if (this.#draining && type === "task.submit")
			return new CoveyError("unavailable", "the coordinator is draining: it takes no new tasks");
		if (this.#options.archivist.full && !unaudited.has(type))
			return new CoveyError("too_many", "the audit waits for the history, which does not take it: nothing more is changed until it does", {
				hint: "the coordinator's log says why; new tasks are taken, and work goes on",
				retryAfterMs: driverLimits.fullRetryMs,
			});
		if (this.#queue.length >= driverLimits.eventsQueuedMax) {
			return new CoveyError("too_many", `${this.#queue.length} events wait for the coordinator already`, { retryAfterMs: 100 });
		}
		return undefined;
	}

	#becomeReadOnly(): void {
		if (this.#full) return;
		this.#full = true;
		this.#options.logger.error("the journal is full: read-only until there is space", { sequence: this.#sequence });
		this.#rejectAsks(
			"store_full",
			"the coordinator's disk is full; this call is in its memory and takes effect if space returns before it ends",
			{
				hint: "make space on the coordinator's disk, then look whether it took effect before asking again",
			},
		);
		for (const batch of [this.#inFlight, this.#held]) for (const reader of batch?.readers.splice(0) ?? []) reader();
		this.#schedule();
	}

	#becomeWritable(): void {
		if (!this.#full) return;
		this.#full = false;
		this.#options.logger.info("the journal has space again", { sequence: this.#sequence });
	}

	#rejectAsks(code: "store_full" | "unavailable", message: string, options: { hint?: string } = {}): void {
		const open = [...this.#asks.values()];
		this.#asks.clear();
		for (const ask of open) ask.reject(new CoveyError(code, message, options));
	}

	#armTimer(): void {
		const at = nextTimerAt(this.#fleet);
		if (at === this.#timerAt) return;
		clearTimeout(this.#timer);
		this.#timerAt = at;
		if (at === undefined) return;
		const waitMs = Math.min(Math.max(at - this.#options.clock.now(), 1), driverLimits.timerMsMax);
		this.#timer = setTimeout(() => {
			this.#timerAt = undefined;
			this.#schedule();
		}, waitMs);
	}

	#fail(cause: unknown): void {
		if (this.#phase === "stopped") return;
		this.#options.logger.error("the driver cannot go on: what was not told is dropped", { cause });
		this.#end("the coordinator ended before this call was known to be on disk; it may have taken effect");
		this.#options.onFatal(cause);
	}

	async #stop(): Promise<void> {
		if (this.#phase === "running") {
			this.#takeTurn();
			this.#stopping.abort();
			// The end of one append starts the next one with what was held.
			for (let seen: unknown; seen !== this.#appended; ) await (seen = this.#appended);
		}
		this.#end("the coordinator is stopping");
		await this.#options.archivist.stop();
		await this.#checkpoint.settled();
	}

	#end(message: string): void {
		this.#phase = "stopped";
		this.#stopping.abort();
		clearImmediate(this.#turn);
		clearTimeout(this.#timer);
		this.#queue = [];
		this.#held = newBatch();
		this.#inFlight = undefined;
		this.#rejectAsks("unavailable", message);
		this.#listeners.clear();
	}
}

function newBatch(): Batch {
	return { effects: [], readers: [], events: 0 };
}
