import { type AttemptReport, TaskSubmission, type TaskSubmissionInput, WorkerOffer } from "@covey/protocol";
import type { Effect, Reply } from "./effect.ts";
import type { Actor, Event, EventOf, HeldTask } from "./event.ts";
import { createFleet, type Fleet, type FleetConfig, takeChanges, viewOf } from "./fleet.ts";
import { nextTimerAt, step } from "./step.ts";
import type { Task } from "./task.ts";
import type { TokenRecord } from "./token.ts";
import type { FleetView } from "./view.ts";
import type { Worker, WorkerRecord } from "./worker.ts";

type EffectOf<T extends Effect["type"]> = Extract<Effect, { type: T }>;

export const admin: Actor = { name: "admin", admin: true, namespaces: [] };
export const actor = (name: string, namespaces: readonly string[] = []): Actor => ({ name, admin: false, namespaces });

/** A fleet on a stage: tests say what happens in a line each, and look at what came of it. */
export class Scene {
	fleet: Fleet;
	now = 1_000_000;
	/** Effects of the last event. */
	effects: readonly Effect[] = [];
	#last = 0;

	constructor(config: Partial<FleetConfig> = {}) {
		this.fleet = createFleet(config);
	}

	get view(): FleetView {
		return viewOf(this.fleet);
	}

	do(event: Event): readonly Effect[] {
		this.effects = step(this.fleet, event, this.now);
		return this.effects;
	}

	/** Hands in an event that is answered. */
	ask(event: Event extends infer E ? (E extends { replyTo: number } ? Omit<E, "replyTo"> : never) : never): Reply {
		this.do({ ...event, replyTo: 1 } as Event);
		return this.of("reply")[0]!.value;
	}

	/** The last event's effects of one type. */
	of<T extends Effect["type"]>(type: T): EffectOf<T>[] {
		return this.effects.filter((effect): effect is EffectOf<T> => effect.type === type);
	}

	/** Lets time pass, firing timers when they are due. */
	pass(ms: number): void {
		const end = this.now + ms;
		const all: Effect[] = [];
		for (let at = nextTimerAt(this.fleet); at !== undefined && at <= end; at = nextTimerAt(this.fleet)) {
			this.now = Math.max(this.now, at);
			all.push(...this.do({ type: "tick" }));
		}
		this.now = end;
		this.effects = all;
	}

	enrol(name: string, record: Partial<WorkerRecord> = {}, tokenId?: string): Reply {
		const identity = { kind: "key", publicKey: `key of ${name}` } as const;
		return this.ask({
			type: "worker.enrol",
			actor: admin,
			record: { name, identity, enrolledAt: this.now, namespaces: [], tags: {}, draining: false, revoked: false, ...record },
			...(tokenId !== undefined && { tokenId }),
		});
	}

	/** Enrols a worker if need be and connects it, with session and instance of its own unless told. */
	connect(name: string, offer: Partial<WorkerOffer> = {}, as: { session?: string; instance?: string; embedded?: boolean } = {}): Worker {
		if (!this.fleet.workers.has(name)) this.enrol(name, as.embedded ? { identity: { kind: "embedded" } } : {});
		this.ask({
			type: "worker.connect",
			worker: name,
			session: as.session ?? `${name}/1`,
			instance: as.instance ?? `${name} 1`,
			protocol: 2,
			offer: WorkerOffer.parse({ slots: 1, os: "linux", arch: "x64", version: "0.1.0", ...offer }),
		});
		return this.worker(name);
	}

	/** Submits one task and returns it (or the earlier one that answers). */
	submit(input: Partial<TaskSubmissionInput> = {}, by: Actor = actor("ann")): Task {
		const reply = this.trySubmit([input], by) as Extract<Reply, { ok: true }>;
		return this.task(reply.results![0]!.task);
	}

	trySubmit(inputs: readonly Partial<TaskSubmissionInput>[], by: Actor = actor("ann")): Reply {
		const tasks = inputs.map((input) => {
			const end = String(++this.#last).padStart(26, "0");
			return { id: `t_${end}`, ask: `a_${end}`, submission: TaskSubmission.parse({ payload: { command: ["true"] }, ...input }) };
		});
		return this.ask({ type: "task.submit", actor: by, tasks });
	}

	sync(name: string, attempts: EventOf<"worker.sync">["attempts"] = [], more: Partial<EventOf<"worker.sync">> = {}): readonly Effect[] {
		const session = this.worker(name).session!;
		const from = { worker: name, session: session.id, sequence: 1, assigned: session.assigned };
		return this.do({ type: "worker.sync", ...from, attempts, ...more });
	}

	start(task: Task, from: Partial<Speaker> = {}): void {
		this.do({ type: "attempt.started", ...this.#speaker(task), ...from });
	}

	complete(task: Task, report: Partial<AttemptReport> = {}, from: Partial<Speaker> = {}): void {
		this.do({ type: "attempt.completed", ...this.#speaker(task), ...from, report: reportWith(report) });
	}

	decline(task: Task, message = "busy"): void {
		this.do({ type: "attempt.declined", ...this.#speaker(task), message });
	}

	disconnect(name: string, bye = false): void {
		this.do({ type: "worker.disconnect", worker: name, session: this.worker(name).session!.id, bye });
	}

	token(id: string, record: Partial<TokenRecord> = {}): Reply {
		const plain = {
			id,
			kind: "join",
			secretHash: "",
			roles: [],
			namespaces: [],
			label: "",
			createdAt: 0,
			createdBy: "admin",
			tags: {},
		} as const;
		return this.ask({ type: "token.create", actor: admin, record: { ...plain, revoked: false, ...record } });
	}

	task(id: string): Task {
		return this.fleet.tasks.get(id)!;
	}

	worker(name: string): Worker {
		return this.fleet.workers.get(name)!;
	}

	/** The task as a worker lists it. */
	listed(task: Task, state: "preparing" | "running" | "ended" = "running"): EventOf<"worker.sync">["attempts"][number] {
		return { task: task.spec.id, attempt: task.attempt, state };
	}

	/** What the journal would hear now: kind, id and value. */
	changes(): { kind: string; id: string; value: unknown }[] {
		return takeChanges(this.fleet).map(({ kind, id, value }) => ({ kind, id, value }));
	}

	#speaker(task: Task): Speaker {
		const worker = task.attempts.at(-1)!.worker;
		return { session: this.worker(worker).session?.id ?? "none", worker, task: task.spec.id, attempt: task.attempt };
	}
}

interface Speaker {
	readonly session: string;
	readonly worker: string;
	readonly task: string;
	readonly attempt: number;
}

/** The task's end as history holds it. */
export function held({ spec: { id }, attempt, status }: Task): HeldTask {
	return { id, attempt, status };
}

export function reportWith(report: Partial<AttemptReport>): AttemptReport {
	return { outcome: "passed", artifacts: [], missing: [], outputBytes: 0, outputDroppedBytes: 0, timings: {}, ...report };
}
