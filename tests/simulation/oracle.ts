import type { FleetEvent, TaskView } from "@covey/protocol";
import { isEnded } from "@covey/protocol";
import type { Effect } from "#core/effect.ts";
import type { Event } from "#core/event.ts";
import type { Fleet } from "#core/fleet.ts";
import { viewOf } from "#core/fleet.ts";
import type { SimulatedWork } from "./worker-node.ts";
import { Violation, type World } from "./world.ts";

interface Running {
	readonly worker: string;
	readonly attempt: number;
	readonly token: string;
	readonly since: number;
	readonly asleep: () => boolean;
}

type Unsequenced<T> = T extends unknown ? Omit<T, "sequence"> : never;

/** Watches everything and believes nothing. Its knowledge is the world's own: processes, disks, what was told to whom. */
export class Oracle {
	/** Tasks whose submission was acknowledged to a client. */
	readonly acknowledged = new Set<string>();
	readonly #world: World;
	readonly #running = new Map<string, Running[]>();
	/** What each process was, by its token: the truth of who ran what. */
	readonly #runs = new Map<string, { task: string; attempt: number; worker: string; startedAt: number }>();
	/** The end that was told first, by task. */
	readonly #told = new Map<string, string>();
	readonly #reopened = new Set<string>();
	#committedHash = "";
	#committedSequence = 0;
	/** Workers told to drain, by the commit that holds it. */
	readonly draining = new Set<string>();
	/** Time since when a task could have been placed and was not. */
	#idleSince: number | undefined;

	constructor(world: World) {
		this.#world = world;
	}

	acknowledge(task: string): void {
		this.acknowledged.add(task);
	}

	processStarted(worker: string, task: string, attempt: number, token: string, asleep: () => boolean): void {
		this.#runs.set(token, { task, attempt, worker, startedAt: this.#world.now });
		const others = (this.#running.get(task) ?? []).filter((other) => !other.asleep());
		if (others.length > 0) {
			const [other] = others;
			throw new Violation(`task ${task} runs twice: attempt ${other!.attempt} on ${other!.worker} and attempt ${attempt} on ${worker}`);
		}
		this.#running.set(task, [...(this.#running.get(task) ?? []), { worker, attempt, token, since: this.#world.now, asleep }]);
	}

	processEnded(task: string, token: string): void {
		const rest = (this.#running.get(task) ?? []).filter((other) => other.token !== token);
		if (rest.length > 0) this.#running.set(task, rest);
		else this.#running.delete(task);
	}

	get processes(): number {
		return this.#running.size;
	}

	committed(hash: string, sequence: number): void {
		this.#committedHash = hash;
		this.#committedSequence = sequence;
	}

	/** A restart must find the very state of the last commit, or of the one whose answer was lost with the process. */
	recovered(hash: string, sequence: number): void {
		if (sequence < this.#committedSequence)
			throw new Violation(`the journal ends at ${sequence}, but ${this.#committedSequence} was acknowledged`);
		if (sequence > 0 && sequence === this.#committedSequence && hash !== this.#committedHash)
			throw new Violation(`the state after recovery differs from the one at commit ${sequence}`);
	}

	assigned(worker: string, task: string, attempt: number): void {
		this.#world.note(() => `${task} attempt ${attempt} → ${worker}`);
		if (attempt > 1) this.#world.saw("attempt repeated");
		if (this.draining.has(worker)) throw new Violation(`${worker} drains, yet ${task} was placed on it`);
	}

	told(event: Unsequenced<FleetEvent>, _sequence: number): void {
		if (event.type === "worker") {
			if (event.draining) this.draining.add(event.worker);
			else this.draining.delete(event.worker);
			if (event.status === "gone") this.#world.saw("worker gone");
		}
		if (event.type !== "task") return;
		this.#world.note(() => `${event.task} is ${event.status} ${event.outcome ?? ""}`);
		if (!isEnded(event.status)) {
			if (this.#told.has(event.task)) {
				if (!this.#reopened.has(event.task))
					throw new Violation(`task ${event.task} had ended as ${this.#told.get(event.task)} and is ${event.status} again`);
				this.#told.delete(event.task);
			}
			return;
		}
		this.#toldEnd(event.task, `${event.status}/${event.outcome}/${event.attempt}`);
		this.#world.saw(`ended ${event.outcome}`);
	}

	reopen(task: string): void {
		this.#reopened.add(task);
	}

	/** One visible result per task, however often it is asked for. */
	#toldEnd(task: string, end: string): void {
		const before = this.#told.get(task);
		if (before !== undefined && before !== end && !this.#reopened.has(task))
			throw new Violation(`task ${task} ended twice: as ${before} and as ${end}`);
		this.#told.set(task, end);
	}

	archived(task: TaskView, before: TaskView | undefined): void {
		if (before && before.outcome !== task.outcome && !this.#reopened.has(task.id))
			throw new Violation(`history held ${task.id} as ${before.outcome} and is given it as ${task.outcome}`);
		this.#toldEnd(task.id, `${task.status}/${task.outcome}/${task.attempt}`);
		this.checkResult(task);
	}

	/** The result is what the process of the current attempt did, and of no other. */
	checkResult(task: TaskView): void {
		// What a person decided, no process did.
		if (this.#reopened.has(task.id)) return;
		const last = task.attempts.at(-1);
		const work = task.submission.payload as unknown as SimulatedWork;
		if (task.outcome === "passed" || task.outcome === "failed" || task.outcome === "timed_out") {
			const run = this.#runs.get(last?.report?.message ?? "");
			if (run === undefined) throw new Violation(`task ${task.id} ended as ${task.outcome}, but no process ever did that`);
			if (run.task !== task.id || run.attempt !== task.attempt || run.worker !== last?.worker)
				throw new Violation(`task ${task.id} attempt ${task.attempt} shows the result of attempt ${run.attempt} on ${run.worker}`);
			const ranMs = last?.report?.timings.command ?? 0;
			if (task.outcome === "timed_out" && ranMs < (task.submission.policies.timeoutMs ?? 0))
				throw new Violation(`task ${task.id} timed out after ${ranMs} ms of running: waiting was counted`);
			if (task.outcome !== "timed_out" && task.outcome !== work.outcome)
				throw new Violation(`task ${task.id} did ${work.outcome} and is shown as ${task.outcome}`);
		}
	}

	/** What must hold after every single step. */
	stepped(fleet: Fleet, event: Event, effects: readonly Effect[], now: number): void {
		for (const effect of effects) if (effect.type === "settle" && event.type === "attempt.completed") this.#world.saw("settled");
		if (event.type === "attempt.completed" && !effects.some((effect) => effect.type === "notify"))
			this.#world.saw("stale or repeated completion fenced");
		if (this.#world.ticks % 16 === 0) this.#checkBooks(fleet, now);
	}

	#checkBooks(fleet: Fleet, now: number): void {
		const view = viewOf(fleet);
		const held = new Map<string, string>();
		let free = false;
		for (const worker of view.workers()) {
			const record = view.workerRecord(worker.name)!;
			const sum = [...record.held.values()].reduce((total, slots) => total + slots, 0);
			if (sum !== record.slotsUsed) throw new Violation(`${worker.name} counts ${record.slotsUsed} slots and holds ${sum}`);
			if (record.slotsUsed < 0) throw new Violation(`${worker.name} has ${record.slotsUsed} slots in use`);
			for (const key of record.held.keys()) held.set(key, worker.name);
			const open =
				worker.status === "connected" && !worker.draining && !worker.revoked && !worker.embedded && worker.pressure?.admits !== false;
			if (open && record.slotsUsed < (worker.offer?.slots ?? 0)) free = true;
		}
		let placeable = false;
		for (const { id } of view.tasks({ limit: 10_000, matches: () => true }).tasks) {
			const task = view.taskRecord(id)!;
			const live = task.status === "claimed" || task.status === "in_progress";
			const key = `${id}.${task.attempt}`;
			if (live && task.lease === undefined) throw new Violation(`${id} is ${task.status} without a lease`);
			if (!live && task.lease !== undefined) throw new Violation(`${id} is ${task.status} and has a lease`);
			if (live && held.get(key) !== task.lease!.worker) throw new Violation(`${key} has a lease that ${task.lease!.worker} does not hold`);
			if (live) held.delete(key);
			const { constraints, prefer } = task.spec.submission;
			const anywhere =
				constraints.machine === undefined && Object.keys(constraints.tags).length === 0 && constraints.slots === 1 && prefer === undefined;
			if (task.status === "pending" && (task.waitUntil ?? 0) <= now && anywhere) placeable = true;
		}
		if (held.size > 0) throw new Violation(`${[...held.keys()].join(", ")} held by a worker, but by no task`);
		// Work conservation: a free worker and a task that could run on it do not stay apart.
		if (!(placeable && free)) this.#idleSince = undefined;
		else if ((this.#idleSince ??= this.#world.now) < this.#world.now - 60_000)
			throw new Violation("a free worker and a task that any worker could run stayed apart for a minute");
	}

	/** When all misfortune has stopped and time has passed. */
	finish(lookUp: (task: string) => TaskView | undefined): void {
		if (this.#running.size > 0)
			throw new Violation(`processes of ${[...this.#running.keys()].join(", ")} still run although everything has ended`);
		for (const task of this.acknowledged) {
			const view = lookUp(task);
			if (view === undefined) throw new Violation(`task ${task} was acknowledged and has vanished`);
			if (!isEnded(view.status) && view.status !== "needs_human")
				throw new Violation(`task ${task} is still ${view.status} although nothing is in its way`);
			if (isEnded(view.status)) this.checkResult(view);
		}
	}
}
