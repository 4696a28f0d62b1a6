import type { Assign, AttemptReport, V2FromWorkerMessage, V2ToWorkerMessage } from "@covey/protocol";
import type { Effect, EndReason } from "#core/effect.ts";
import type { Event } from "#core/event.ts";
import type { Fleet } from "#core/fleet.ts";
import { viewOf } from "#core/fleet.ts";
import type { RecordChange } from "#core/record.ts";

/**
 * The bug zoo: faults that real systems had, by their number in the list of lessons. Each can be switched on here, in
 * test code, and must then be found within `seeds` seeds. That tests the oracles.
 */
export const zoo = {
	/** 4: the first `complete` wins, whichever attempt it is of. */
	"no-fence": { seeds: 40, peer: "completion of an older attempt is taken for the current one" },
	/** 5: the close of an old socket unregisters the new connection. */
	"late-close": { seeds: 40, peer: "the old socket's close ends the new session" },
	/** 6: `complete` is sent once. */
	"sent-once": { seeds: 40, peer: "a report is never repeated" },
	/** 7: capacity as a result. */
	"capacity-as-result": { seeds: 60, peer: "a declined attempt reads as exit code 1" },
	/** 8: queued twice. */
	"queued-twice": { seeds: 40, peer: "a task whose dispatch failed is dispatched and queued" },
	/** 9: waiting counts against the timeout. */
	"waiting-counts": { seeds: 40, peer: "the timeout runs from the submission" },
	/** 14: the lease's end requeues, and live work is then ended as stale. */
	"ends-live-work": { seeds: 20, peer: "sync ends attempts that are rightly running" },
	/** 15: the first errors after a long wait give up for good. */
	"gives-up": { seeds: 40, peer: "a worker stops reconnecting after two failures" },
	/** 16: the lease is lost, the worker only logs it. */
	"no-self-fence": { seeds: 60, peer: "a worker runs on when its lease has ended" },
	/** 17: a worker that never acknowledges keeps its place. */
	"slot-leak": { seeds: 20, peer: "a settled attempt keeps its slots" },
	/** 18: renewal is starved by the task's own use of the CPU. */
	"starved-renewal": { seeds: 40, peer: "no sync is sent while something runs" },
	/** 19: cancel travels only in the answer to an update. */
	"deaf-to-cancel": { seeds: 40, peer: "neither cancel nor sync ends a cancelled attempt" },
	/** 20: zombies of a dead machine stay. */
	zombies: { seeds: 40, peer: "leases of a dead worker never end" },
	/** 21: finished work runs again. */
	"runs-again": { seeds: 40, peer: "the end of a task is not journalled" },
	/** 22: a dead worker reads as the command's own failure. */
	"lost-reads-failed": { seeds: 40, peer: "worker_lost is reported as exit −1 of the command" },
	/** Told before durable: the acknowledgement leaves before the commit. */
	"told-early": { seeds: 40, peer: "a commit that fails was already acknowledged" },
	/** 28: an idle worker ignores the queue. */
	"ignores-queue": { seeds: 40, peer: "a freed worker is not offered what waits" },
} as const;
export type FaultName = keyof typeof zoo;

/** What a completion event looks like. */
type Completion = Extract<Event, { type: "attempt.completed" }>;

/** Where each fault changes the course of things. With no fault on, everything passes through as it is. */
export class Faults {
	readonly #on: FaultName | undefined;
	#sent = new Set<string>();

	constructor(on?: FaultName) {
		this.#on = on;
	}

	is(name: FaultName): boolean {
		return this.#on === name;
	}

	rewriteCompletion(event: Completion, fleet: Fleet): Event {
		if (!this.is("no-fence")) return event;
		const task = viewOf(fleet).taskRecord(event.task);
		const { lease } = task ?? {};
		if (task === undefined || lease?.session === undefined) return event;
		return { ...event, attempt: task.attempt, worker: lease.worker, session: lease.session };
	}

	rewriteDecline(event: Extract<Event, { type: "attempt.declined" }>): Event {
		if (!this.is("capacity-as-result")) return event;
		const { type: _, message: __, ...attempt } = event;
		return { type: "attempt.completed", ...attempt, report: failure("no slots available") };
	}

	sessionOnClose(session: string, worker: string, fleet: Fleet): string {
		return this.is("late-close") ? (viewOf(fleet).workerRecord(worker)?.session?.id ?? session) : session;
	}

	beforeStep(_event: Event, _fleet: Fleet): void {}

	deaf(what: "tick"): boolean {
		return this.is("zombies") && what === "tick";
	}

	/** Effects of one step, bent. */
	rewriteEffects(effects: readonly Effect[], _event: Event, fleet: Fleet): readonly Effect[] {
		if (this.is("queued-twice"))
			return effects.flatMap((effect): Effect[] => {
				if (effect.type !== "assign") return [effect];
				const other = viewOf(fleet)
					.workers()
					.find(({ name, status, embedded }) => name !== effect.worker && status === "connected" && !embedded);
				const session = other && viewOf(fleet).workerRecord(other.name)?.session;
				return session
					? [effect, { ...effect, worker: other.name, session: session.id, message: { ...effect.message, sequence: 1_000_000 } }]
					: [effect];
			});
		if (this.is("ignores-queue"))
			return effects.filter((effect) => effect.type !== "assign" || effect.message.attempt > 1 || !effect.message.task.endsWith("z"));
		return effects;
	}

	rewriteChanges(changes: readonly RecordChange[]): readonly RecordChange[] {
		if (!this.is("runs-again")) return changes;
		return changes.filter(({ kind, value }) => kind !== "task" || (value as { endedAt?: number } | null)?.endedAt === undefined);
	}

	/** Attempts that a sync wrongly ends. */
	endsLiveWork(
		keep: readonly { readonly task: string; readonly attempt: number }[],
	): readonly { task: string; attempt: number; reason: EndReason; graceMs: number }[] {
		return this.is("ends-live-work") ? keep.map(({ task, attempt }) => ({ task, attempt, reason: "worker_lost", graceMs: 0 })) : [];
	}

	losesDown(message: V2ToWorkerMessage): boolean {
		if (this.is("slot-leak")) return false;
		if (!this.is("deaf-to-cancel")) return false;
		if (message.type === "synced") (message.end as unknown[]).length = 0;
		return message.type === "cancel";
	}

	losesUp(message: V2FromWorkerMessage, processes: number): boolean {
		if (this.is("starved-renewal") && message.type === "sync") return processes > 0;
		if (message.type !== "complete") return false;
		if (this.is("slot-leak")) return message.task.endsWith("z") || message.task.endsWith("y");
		if (!this.is("sent-once")) return false;
		const key = `${message.task}.${message.attempt}`;
		if (this.#sent.has(key)) return true;
		this.#sent.add(key);
		return false;
	}

	ignoresEnd(reason: EndReason): boolean {
		return (this.is("no-self-fence") && reason === "worker_lost") || (this.is("deaf-to-cancel") && reason !== "worker_lost");
	}

	givesUpReconnecting(failures: number): boolean {
		return this.is("gives-up") && failures > 3;
	}

	/** Milliseconds of running after which the timeout strikes. */
	timeoutFrom(timeoutMs: number, assign: Assign, _now: number): number {
		return this.is("waiting-counts") ? timeoutMs / 4 + assign.attempt : timeoutMs;
	}

	get losesCommits(): boolean {
		return this.is("told-early");
	}

	rewriteLost(report: AttemptReport): AttemptReport {
		return this.is("lost-reads-failed") && report.outcome === "worker_lost" ? { ...report, outcome: "failed" } : report;
	}
}

function failure(message: string): AttemptReport {
	return { outcome: "failed", message, artifacts: [], missing: [], outputBytes: 0, outputDroppedBytes: 0, timings: {} };
}
