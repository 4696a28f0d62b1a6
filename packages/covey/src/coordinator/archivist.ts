import { type AuditEvent, CoveyError, isEnded, type Outcome, type TaskStatus, type TaskView } from "@covey/protocol";
import type { HeldTask } from "#core/event.ts";
import { createFleet } from "#core/fleet.ts";
import type { AuditRecord, RecordChange } from "#core/record.ts";
import { restore } from "#core/restore.ts";
import type { Task } from "#core/task.ts";
import type { FleetView } from "#core/view.ts";
import { viewOf } from "#core/view-of.ts";
import type { Clock } from "#kit/clock.ts";
import type { Logger } from "#kit/logger.ts";
import type { History } from "#ports/history.ts";
import type { Journal, JournalEntry } from "#ports/journal.ts";
import { driverLimits } from "./limits.ts";

/** What one entry of the journal has for history. */
export interface Archive {
	readonly ended: readonly EndedTask[];
	readonly audit: readonly Omit<AuditEvent, "sequence">[];
}

/** One end of a task, and what is counted of it. */
export interface EndedTask extends HeldTask {
	readonly outcome: Outcome;
	/** From pending to placed; undefined when it never was. */
	readonly waitedMs: number | undefined;
	/** Of its last attempt. */
	readonly outputBytes: number;
}

interface QueuedTask extends HeldTask {
	/** Of the entry that ended it. */
	readonly sequence: number;
	/** As it ended, once memory may show it otherwise. */
	kept?: TaskView;
}

/**
 * Feeds history from the journal: in order, only what is durable, and never in the way of the loop: ended tasks gather
 * for a while, are read from memory when their turn comes, and leave it when history holds them. A history that fails is
 * tried again; its tasks stay in memory meanwhile, and so does the audit: `full` says when that is enough.
 */
export class Archivist {
	readonly #history: History;
	readonly #clock: Clock;
	readonly #logger: Logger;
	readonly #stopping = new AbortController();
	/** Enough has gathered. */
	#hurry = new AbortController();
	/** Ended and not in history yet, in the order of their entries. Which end it was is enough: the task itself is in memory. */
	#ended = new Map<string, QueuedTask>();
	/** Ended according to the journal, while that is replayed: a later entry may take them out of memory. */
	#replayed = new Map<string, TaskView>();
	#audit: AuditEvent[] = [];
	/** Of the newest entry that is in these. */
	#sequence = 0;
	/** Ended tasks in memory at start: history may hold them already. */
	#recovered = new Map<string, HeldTask>();
	/** Whoever looks into history for what has left memory, and then into memory. */
	readonly #lookers = new Set<Promise<unknown>>();
	#view: FleetView | undefined;
	#holds: (tasks: readonly HeldTask[]) => void = () => {};
	#working: Promise<void> | undefined;

	constructor(options: { readonly history: History; readonly clock: Clock; readonly logger: Logger }) {
		this.#history = options.history;
		this.#clock = options.clock;
		this.#logger = options.logger;
	}

	/** The journal may forget what lies at or before it. */
	get appliedSequence(): number {
		return this.#history.appliedSequence;
	}

	/** More audit entries wait than may: changes that would add to them have to wait. */
	get full(): boolean {
		return this.#audit.length >= driverLimits.auditQueuedMax;
	}

	/** Picks what ended and the audit out of one entry's changes. `view` must show the state that they lead to. */
	select(changes: readonly RecordChange[], view: FleetView): Archive {
		const ended: EndedTask[] = [];
		const audit: Omit<AuditEvent, "sequence">[] = [];
		for (const { kind, id, value } of changes) {
			if (value === null) continue;
			if (kind === "audit") audit.push({ type: "audit", ...(value as AuditRecord) });
			if (kind !== "task" || !isEnded((value as { status: TaskStatus }).status)) continue;
			const task = view.taskRecord(id);
			if (task) ended.push(endOf(task));
		}
		return { ended, audit };
	}

	/** Takes what `select` found, once the entry is durable. */
	add(sequence: number, archive: Archive): void {
		this.#sequence = sequence;
		for (const { id, attempt, status } of archive.ended) {
			// At its later place, if an earlier end of it waits already.
			this.#ended.delete(id);
			this.#ended.set(id, { id, attempt, status, sequence });
		}
		for (const entry of archive.audit) this.#audit.push({ ...entry, sequence });
		if (this.#waiting) this.#working ??= this.#work();
		if (this.#ended.size >= driverLimits.archiveGatheredMax) this.#hurry.abort();
	}

	/** During recovery, after each entry was restored. */
	async replay(entry: JournalEntry, view: FleetView): Promise<void> {
		for (const { kind, id, value } of entry.changes) {
			if (kind !== "task") continue;
			const task = value as Pick<HeldTask, "status" | "attempt"> | null;
			if (task !== null && isEnded(task.status)) this.#recovered.set(id, { id, attempt: task.attempt, status: task.status });
			else this.#recovered.delete(id);
		}
		if (entry.sequence <= this.appliedSequence) return;
		// A snapshot comes in several parts of one sequence: apply between sequences only.
		if (entry.sequence > this.#sequence && this.#replayed.size >= driverLimits.archiveTasksMax) await this.#applyReplayed();
		this.#sequence = entry.sequence;
		const { ended, audit } = this.select(entry.changes, view);
		for (const { id } of ended) this.#replayed.set(id, view.task(id)!);
		for (const record of audit) this.#audit.push({ ...record, sequence: entry.sequence });
	}

	/** At the end of recovery. */
	async replayed(sequence: number): Promise<void> {
		this.#sequence = sequence;
		if (sequence > this.appliedSequence) await this.#applyReplayed();
	}

	/**
	 * @param view shows the state that later entries lead to, or a newer one.
	 * @param holds hears which ended tasks history has durably.
	 */
	start(view: FleetView, holds: (tasks: readonly HeldTask[]) => void): void {
		this.#view = view;
		this.#holds = holds;
		if (this.#recovered.size > 0) holds([...this.#recovered.values()]);
		this.#recovered.clear();
	}

	/** A person may be about to change this task, which has ended: what history is to have of it is copied now. */
	keep(id: string): void {
		const queued = this.#ended.get(id);
		if (queued) queued.kept ??= this.#view!.task(id)!;
	}

	/**
	 * Runs something that looks into history first and hands in an event then. Meanwhile nothing leaves memory that history
	 * did not hold when it began, or both looks could miss it.
	 */
	async look<T>(work: () => Promise<T>): Promise<T> {
		const looking = work();
		const settled = looking.catch(() => {});
		this.#lookers.add(settled);
		try {
			return await looking;
		} finally {
			this.#lookers.delete(settled);
		}
	}

	/** Brings history to the newest entry, so that the journal can be truncated up to it. */
	async flush(): Promise<void> {
		this.#hurry.abort();
		await this.#working;
		this.#hurry.abort();
		if (this.#sequence > this.appliedSequence) await (this.#working ??= this.#work());
	}

	/** Hands over what it has, without trying again. */
	async stop(): Promise<void> {
		this.#stopping.abort();
		await this.#working;
	}

	/** Fills history again from what the journal holds. Nothing else is applied meanwhile. */
	async rebuild(journal: Journal): Promise<{ readonly tasks: number }> {
		this.#hurry.abort();
		while (this.#working) await this.#working;
		const rebuilding = this.#rebuild(journal);
		this.#working = rebuilding.then(
			() => {},
			() => {},
		);
		try {
			return await rebuilding;
		} finally {
			this.#working = this.#waiting ? this.#work() : undefined;
		}
	}

	async #rebuild(journal: Journal): Promise<{ readonly tasks: number }> {
		const last = this.#sequence;
		await this.#history.reset();
		const fleet = createFleet();
		const view = viewOf(fleet);
		let total = 0;
		let batch: { sequence: number; tasks: TaskView[]; audit: AuditEvent[] } = { sequence: 0, tasks: [], audit: [] };
		const apply = async () => {
			total += batch.tasks.length;
			await this.#history.apply(batch);
			batch = { sequence: batch.sequence, tasks: [], audit: [] };
		};
		for await (const entry of readWhatThereIs(journal)) {
			if (entry.sequence > last) break;
			// A snapshot comes in several parts of one sequence.
			if (entry.sequence > batch.sequence && batch.tasks.length + batch.audit.length >= driverLimits.archiveTasksMax) await apply();
			restore(fleet, entry.changes);
			const archive = this.select(entry.changes, view);
			batch.sequence = entry.sequence;
			batch.tasks.push(...archive.ended.map(({ id }) => view.task(id)!));
			batch.audit.push(...archive.audit.map((record) => ({ ...record, sequence: entry.sequence })));
		}
		await apply();
		return { tasks: total };
	}

	get #waiting(): boolean {
		return this.#ended.size + this.#audit.length > 0;
	}

	/** Gathers for a while, then feeds history until nothing waits. */
	async #work(): Promise<void> {
		do {
			await this.#clock.sleep(driverLimits.archiveMs, AbortSignal.any([this.#stopping.signal, this.#hurry.signal])).catch(() => {});
			try {
				do await this.#feed();
				while (this.#waiting);
			} catch (error) {
				this.#logger.error("history did not take the tasks that ended; they stay in memory", { error, tasks: this.#ended.size });
				await this.#clock.sleep(driverLimits.fullRetryMs, this.#stopping.signal).catch(() => {});
			}
			this.#hurry = new AbortController();
		} while (this.#waiting && !this.#stopping.signal.aborted);
		this.#working = undefined;
	}

	/** Hands over the next tasks, and the audit of the same entries. */
	async #feed(): Promise<void> {
		const next: QueuedTask[] = [];
		let sequence = this.#sequence;
		for (const task of this.#ended.values()) {
			const enough = next.length >= driverLimits.archiveTasksMax;
			if (enough && task.sequence > next.at(-1)!.sequence) {
				sequence = next.at(-1)!.sequence;
				break;
			}
			next.push(task);
		}
		const audit = this.#audit.filter((entry) => entry.sequence <= sequence);
		await this.#history.apply({ sequence, tasks: next.map((task) => task.kept ?? this.#view!.task(task.id)!), audit });
		for (const task of next) if (this.#ended.get(task.id) === task) this.#ended.delete(task.id);
		this.#audit.splice(0, audit.length);
		if (next.length > 0) this.#let(next);
	}

	/** Lets tasks leave memory that history holds, as soon as nobody looks who began before it did. */
	#let(held: readonly HeldTask[]): void {
		if (this.#lookers.size === 0) this.#holds(held);
		else void Promise.all(this.#lookers).then(() => this.#holds(held));
	}

	async #applyReplayed(): Promise<void> {
		await this.#history.apply({ sequence: this.#sequence, tasks: [...this.#replayed.values()], audit: this.#audit });
		this.#replayed.clear();
		this.#audit = [];
	}
}

function endOf({ spec, attempt, status, outcome, attempts, placements }: Readonly<Task>): EndedTask {
	return {
		id: spec.id,
		attempt,
		status,
		outcome: outcome!,
		waitedMs: placements.at(-1)?.waitedMs,
		outputBytes: attempts.at(-1)?.report?.outputBytes ?? 0,
	};
}

/** From the first entry, or from the newest snapshot when the first ones have been dropped. */
async function* readWhatThereIs(journal: Journal): AsyncGenerator<JournalEntry, void, undefined> {
	const { snapshotSequence } = await journal.size();
	let begun = false;
	try {
		for await (const entry of journal.read(0)) {
			begun = true;
			yield entry;
		}
	} catch (error) {
		if (begun || !(error instanceof CoveyError) || snapshotSequence === 0) throw error;
		yield* journal.recover();
	}
}
