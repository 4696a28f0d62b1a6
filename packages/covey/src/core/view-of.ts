import type { TaskView, WorkerView } from "@covey/protocol";
import { explain } from "./explain.ts";
import type { Fleet } from "./fleet.ts";
import { isAvailable } from "./scheduling/scheduler.ts";
import { priorityOf, type Task } from "./task.ts";
import type { FleetCounts, FleetView, TaskQuery } from "./view.ts";
import type { Worker } from "./worker.ts";

/** Reads a fleet. Cheap to make; each call sees the fleet as it is then. */
export function viewOf(fleet: Fleet): FleetView {
	const task = (id: string): TaskView | undefined => {
		const found = fleet.tasks.get(id);
		return found && taskView(found);
	};
	const worker = (name: string): WorkerView | undefined => {
		const found = fleet.workers.get(name);
		return found && workerView(found);
	};
	return {
		task,
		taskRecord: (id) => fleet.tasks.get(id),
		tasks: (query) => page(fleet, query),
		tasksById: ({ limit, before }) => byId(fleet, limit, before),
		worker,
		workerRecord: (name) => fleet.workers.get(name),
		workers: () => [...fleet.workers.values()].map(workerView),
		token: (id) => fleet.tokens.get(id),
		tokens: () => [...fleet.tokens.values()].map((token) => ({ ...token })),
		explain: (id, now) => explain(fleet, id, now),
		counts: () => counts(fleet),
		endedHeld: () => fleet.tally.done + fleet.tally.failed + fleet.tally.cancelled,
	};
}

/** A task as readers see it; also of a record that history wants. */
export function taskView(task: Readonly<Task>): TaskView {
	const { spec, asks, attempts, placements, cancel } = task;
	const { submission } = spec;
	return {
		id: spec.id,
		type: submission.type,
		namespace: submission.namespace,
		title: submission.title ?? titleOf(submission.payload) ?? submission.type,
		status: task.status,
		submitter: spec.submitter,
		priority: priorityOf(task),
		createdAt: spec.createdAt,
		updatedAt: task.updatedAt,
		endedAt: task.endedAt,
		outcome: task.outcome,
		exitCode: task.exitCode,
		message: task.message,
		submission,
		asks: asks.slice(),
		attempt: task.attempt,
		attempts: attempts.slice(),
		placement: placements.at(-1),
		cancelRequested: cancel !== undefined,
	};
}

function workerView({ record, status, session, offer, pressure, held, slotsUsed, seenAt }: Worker): WorkerView {
	return {
		name: record.name,
		status,
		embedded: record.identity.kind === "embedded",
		protocol: session?.protocol ?? 0,
		draining: record.draining,
		revoked: record.revoked,
		namespaces: [...record.namespaces],
		offer: offer && { ...offer, tags: { ...offer.tags, ...record.tags } },
		pressure,
		slotsUsed,
		attempts: [...held.keys()],
		enrolledAt: record.enrolledAt,
		connectedAt: session?.since,
		seenAt,
	};
}

/** The command, as a person would read it. */
function titleOf(payload: unknown): string | undefined {
	const { command } = (payload ?? {}) as { command?: unknown };
	return Array.isArray(command) ? command.join(" ").slice(0, 256) : undefined;
}

function page(fleet: Fleet, { limit, before, matches }: TaskQuery): ReturnType<FleetView["tasks"]> {
	const tasks: TaskView[] = [];
	let last: number | undefined;
	for (const task of fleet.newest.from(before)) {
		if (!matches(task)) continue;
		if (tasks.length === limit) return { tasks, ...(last !== undefined && { next: last }) };
		tasks.push(taskView(task));
		last = task.order;
	}
	return { tasks };
}

/** An id is made a little before its task's place in the order, so what is newest first by order is nearly so by id. */
function byId(fleet: Fleet, limit: number, before: string | undefined): TaskView[] {
	const first: Task[] = [];
	for (const task of fleet.newest.from()) {
		const { id } = task.spec;
		if (before !== undefined && id >= before) continue;
		const at = first.findLastIndex((other) => other.spec.id > id) + 1;
		if (at === limit) continue;
		first.splice(at, 0, task);
		if (first.length > limit) first.pop();
	}
	return first.map(taskView);
}

function counts({ tally, workers }: Fleet): FleetCounts {
	const { pending, claimed, in_progress, needs_human } = tally;
	const slots = { total: 0, used: 0 };
	const presence = { connected: 0, disconnected: 0, draining: 0 };
	for (const worker of workers.values()) {
		slots.used += worker.slotsUsed;
		if (isAvailable(worker)) slots.total += worker.offer.slots;
		if (worker.status !== "gone") presence[worker.status]++;
		if (worker.status !== "gone" && worker.record.draining) presence.draining++;
	}
	return { tasks: { pending, claimed, in_progress, needs_human }, workers: presence, slots };
}
