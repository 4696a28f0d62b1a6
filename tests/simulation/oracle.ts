import type { AttemptReport, FleetEvent, TaskView } from "@covey/protocol";
import { attemptKey, isEnded } from "@covey/protocol";
import type { Effect } from "#core/effect.ts";
import type { Event } from "#core/event.ts";
import { type Fleet, stateHash } from "#core/fleet.ts";
import { priorityOf } from "#core/task.ts";
import { Books } from "./books.ts";
import type { SimulatedLog } from "./coordinator-link.ts";
import { Holds } from "./holds.ts";
import type { SimulatedWork } from "./worker-node.ts";
import { Violation, type World } from "./world.ts";

/** A process, as the machine that it runs on sees it. */
export interface Run {
	readonly task: string;
	readonly attempt: number;
	readonly worker: string;
	/** Told apart from every other run of anything. */
	readonly token: string;
	/** Its worker ends it when its lease has ended; v1 workers know of no leases. */
	readonly fences: boolean;
	/** The machine sleeps or has just woken: nothing there can be ended. */
	asleep(): boolean;
	/** The worker process that started it lives. */
	isAlive(): boolean;
}

type Unsequenced<T> = T extends unknown ? Omit<T, "sequence"> : never;

/** Watches everything and believes nothing. Its knowledge is the world's own: processes, disks, what was told to whom. */
export class Oracle {
	/** Tasks whose submission was acknowledged to a client. */
	readonly acknowledged = new Set<string>();
	readonly holds: Holds;
	readonly #world: World;
	readonly #running = new Map<string, Run[]>();
	/** Those that came to their own end, by attempt. */
	readonly #finished = new Map<string, Run>();
	/** Since when a process is one too many, by attempt. */
	readonly #overdue = new Map<string, number>();
	/** Connections of this world lose single messages. */
	lossyLink = false;
	/** Identities that two processes have used at once: the coordinator takes the older one for dead. */
	readonly doubled = new Set<string>();
	/** What each process was, by its token: the truth of who ran what. */
	readonly #runs = new Map<string, Run>();
	/** The end that was told first, by task. */
	readonly #told = new Map<string, string>();
	readonly #reopened = new Set<string>();
	/** Of the state at the last commit, if that was looked at. */
	#committedHash: string | undefined;
	#committedSequence = 0;
	/** Workers that drain, and since when that has been told. */
	readonly #draining = new Map<string, number>();
	/** Tasks that somebody wanted to end before their time. */
	readonly #cancelAsked = new Set<string>();
	readonly #books: Books;

	constructor(world: World) {
		this.#world = world;
		this.holds = new Holds(world);
		this.#books = new Books(world, this.holds, (task, attempt) => (this.#running.get(task) ?? []).filter((run) => run.attempt === attempt));
	}

	cancelAsked(task: string): void {
		this.#cancelAsked.add(task);
	}

	acknowledge(task: string): void {
		this.acknowledged.add(task);
	}

	processStarted(run: Run): void {
		const { task, attempt, worker, token } = run;
		this.#runs.set(token, run);
		const runs = this.#running.get(task) ?? [];
		// Of an identity that two processes share, either may run what it was given before it hears that it was given away.
		const shared = (name: string): boolean => this.doubled.has(name);
		const other = shared(worker) ? undefined : runs.find((earlier) => earlier.fences && !earlier.asleep() && !shared(earlier.worker));
		if (other !== undefined)
			throw new Violation(`task ${task} runs twice: attempt ${other.attempt} on ${other.worker} and attempt ${attempt} on ${worker}`);
		if (this.#draining.has(worker) && this.#draining.get(worker)! < this.#world.now - 300_000)
			throw new Violation(`${worker} has been draining for minutes and starts ${task}`);
		this.#running.set(task, [...runs, run]);
	}

	/** It came to its own end: its worker has a report of it for as long as it lives. */
	processFinished(run: Run): void {
		this.#finished.set(attemptKey(run.task, run.attempt), run);
	}

	processEnded(run: Run): void {
		const rest = (this.#running.get(run.task) ?? []).filter((other) => other !== run);
		this.#overdue.delete(attemptKey(run.task, run.attempt));
		if (rest.length > 0) this.#running.set(run.task, rest);
		else this.#running.delete(run.task);
	}

	get processes(): number {
		return this.#running.size;
	}

	committed(fleet: Fleet, sequence: number): void {
		// What looking costs grows with the fleet, so the larger it is the more seldom.
		const every = Math.ceil((fleet.tasks.size + 1) / 16);
		this.#committedHash = sequence % every === 0 ? stateHash(fleet) : undefined;
		this.#committedSequence = sequence;
	}

	/** The coordinator started anew. */
	restarted(): void {
		this.#books.restart();
		this.#overdue.clear();
	}

	/** A restart must find the very state of the last commit, or of the one whose answer was lost with the process. */
	recovered(fleet: Fleet, sequence: number): void {
		if (sequence < this.#committedSequence)
			throw new Violation(`the journal ends at ${sequence}, but ${this.#committedSequence} was acknowledged`);
		if (sequence === 0 || sequence !== this.#committedSequence || this.#committedHash === undefined) return;
		if (stateHash(fleet) !== this.#committedHash)
			throw new Violation(`the state after recovery differs from the one at commit ${sequence}`);
	}

	told(event: Unsequenced<FleetEvent>): void {
		if (event.type === "worker") {
			if (!event.draining) this.#draining.delete(event.worker);
			else if (!this.#draining.has(event.worker)) this.#draining.set(event.worker, this.#world.now);
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
		if (event.outcome === "cancelled" && !this.#cancelAsked.has(event.task)) {
			if (this.holds.mayFall(event.task)) this.#world.saw("taken back from a silent asker");
			else throw new Violation(`task ${event.task} was cancelled, which nobody had asked for`);
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
		if (event.type === "attempt.completed" && !effects.some((effect) => effect.type === "notify"))
			this.#world.saw("stale or repeated completion fenced");
		if (event.type === "worker.sync") this.#checkSync(fleet, event, effects);
		this.#books.stepped(fleet, event, effects, now);
		if (this.#world.ticks % 16 === 0) this.#checkProcesses(fleet);
	}

	/** A sync may tell only of what is over: it ends nothing that rightly runs, and loses no result that was reached. */
	#checkSync(fleet: Fleet, event: Extract<Event, { type: "worker.sync" }>, effects: readonly Effect[]): void {
		for (const effect of effects) {
			if (effect.type === "synced") {
				for (const { task, attempt, reason } of effect.end) {
					const lease = fleet.tasks.get(task)?.lease;
					if (reason === "worker_lost" && lease?.attempt === attempt && lease.session === effect.session)
						throw new Violation(`${event.worker} is told to end ${task} attempt ${attempt}, which it rightly runs`);
				}
			}
			if (effect.type !== "notify" || effect.event.type !== "task") continue;
			const last = fleet.tasks.get(effect.event.task)?.attempts.at(-1);
			if (last?.report?.outcome !== "worker_lost" || last.worker !== event.worker || this.doubled.has(event.worker)) continue;
			const run = this.#finished.get(attemptKey(effect.event.task, last.number));
			if (run?.isAlive())
				throw new Violation(`${effect.event.task} attempt ${last.number} came to its end, and its result was thrown away`);
		}
	}

	#sawPlacement(fleet: Fleet, worker: string, id: string, attempt: number): void {
		this.#world.note(() => `${id} attempt ${attempt} → ${worker}`);
		if (attempt > 1) this.#world.saw("attempt repeated");
		const task = fleet.tasks.get(id);
		if (task === undefined) return;
		if (task.placements.at(-1)?.because === "fallback") this.#world.saw("fallback taken");
		const waits = [...fleet.tasks.values()].some(({ ticket, order }) => ticket !== undefined && order < task.order);
		if (waits && priorityOf(task) > 0) this.#world.saw("placed ahead by priority");
	}

	/** What a whole batch leaves behind: nothing goes to a worker that is not there. */
	batched(fleet: Fleet, effects: readonly Effect[], isOpen: (session: string) => boolean): void {
		for (const effect of effects) {
			if (effect.type !== "assign") continue;
			this.#sawPlacement(fleet, effect.worker, effect.message.task, effect.message.attempt);
			const { namespaces } = fleet.workers.get(effect.worker)!.record;
			if (namespaces.length > 0 && !namespaces.includes(effect.message.namespace))
				throw new Violation(`${effect.worker} is given work of the namespace ${effect.message.namespace}`);
			if (isOpen(effect.session)) continue;
			if (fleet.workers.get(effect.worker)?.session?.id === effect.session)
				throw new Violation(`${effect.message.task} goes to ${effect.worker}, whose connection has ended`);
		}
	}

	/** A process whose attempt is over does not outlive its lease by much. */
	#checkProcesses(fleet: Fleet): void {
		for (const [task, runs] of this.#running) {
			for (const run of runs) {
				const key = attemptKey(task, run.attempt);
				const lease = fleet.tasks.get(task)?.lease;
				if (run.asleep() || !run.fences || lease?.attempt === run.attempt) this.#overdue.delete(key);
				else {
					const since = this.#overdue.get(key) ?? this.#world.now;
					this.#overdue.set(key, since);
					if (this.#world.now - since > 300_000) throw new Violation(`${key} is over, and its process runs on on ${run.worker}`);
				}
			}
		}
	}

	/** All output is there, or what is missing is marked, and both sides count the same. */
	logEnded(worker: string, task: string, attempt: number, report: AttemptReport, log: SimulatedLog | undefined): void {
		if (this.lossyLink || this.doubled.has(worker) || this.#runs.get(report.message ?? "")?.fences !== true) return;
		const { end, missing } = log ?? { end: 0, missing: 0 };
		if (end !== report.outputBytes || missing !== report.outputDroppedBytes)
			throw new Violation(
				`the log of ${task} attempt ${attempt} ends at ${end} with ${missing} missing; its worker says ${report.outputBytes} and ${report.outputDroppedBytes}`,
			);
	}

	/** When all misfortune has stopped and time has passed. */
	finish(fleet: Fleet, lookUp: (task: string) => TaskView | undefined): void {
		if (this.#running.size > 0)
			throw new Violation(`processes of ${[...this.#running.keys()].join(", ")} still run although everything has ended`);
		for (const task of this.acknowledged) {
			const view = lookUp(task);
			if (view === undefined) throw new Violation(`task ${task} was acknowledged and has vanished`);
			if (!isEnded(view.status) && view.status !== "needs_human")
				throw new Violation(`task ${task} is still ${view.status} although nothing is in its way: ${wishes(view)}`);
			if (isEnded(view.status)) this.checkResult(view);
		}
		this.#books.finish(fleet);
	}
}

/** What a task asked for, for whoever reads why it waits. */
function wishes({ submission }: TaskView): string {
	const { constraints, prefer, namespace, priority, policies, notBefore } = submission;
	return JSON.stringify({ constraints, prefer, namespace, priority, fallback: policies.fallback, notBefore });
}
