import { type AuditEvent, CoveyError, isEnded, type TaskStatus, type TaskView } from "@covey/protocol";
import type { HeldTask } from "#core/event.ts";
import { createFleet } from "#core/fleet.ts";
import type { AuditRecord, RecordChange } from "#core/record.ts";
import { restore } from "#core/restore.ts";
import type { FleetView } from "#core/view.ts";
import { viewOf } from "#core/view-of.ts";
import type { Clock } from "#kit/clock.ts";
import type { Logger } from "#kit/logger.ts";
import type { History } from "#ports/history.ts";
import type { Journal, JournalEntry } from "#ports/journal.ts";
import { driverLimits } from "./limits.ts";

/** What one entry of the journal has for history. */
export interface Archive {
	readonly tasks: readonly TaskView[];
	readonly audit: readonly Omit<AuditEvent, "sequence">[];
}

/**
 * Feeds history from the journal: in order, only what is durable, and never in the way of the loop. Ended tasks leave
 * memory when history holds them. A history that fails is tried again; its tasks stay in memory meanwhile.
 */
export class Archivist {
	readonly #history: History;
	readonly #clock: Clock;
	readonly #logger: Logger;
	readonly #stopping = new AbortController();
	#tasks = new Map<string, TaskView>();
	#audit: AuditEvent[] = [];
	/** Of the newest entry that is in `#tasks` and `#audit`. */
	#sequence = 0;
	/** Ended tasks in memory at start: history may hold them already. */
	#recovered = new Map<string, HeldTask>();
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

	/** Picks what ended and the audit out of one entry's changes. `view` must show the state that they lead to. */
	select(changes: readonly RecordChange[], view: FleetView): Archive {
		const tasks: TaskView[] = [];
		const audit: Omit<AuditEvent, "sequence">[] = [];
		for (const { kind, id, value } of changes) {
			if (value === null) continue;
			if (kind === "audit") audit.push({ type: "audit", ...(value as AuditRecord) });
			if (kind !== "task" || !isEnded((value as { status: TaskStatus }).status)) continue;
			const task = view.task(id);
			if (task) tasks.push(task);
		}
		return { tasks, audit };
	}

	/** Takes what `select` found, once the entry is durable. */
	add(sequence: number, archive: Archive): void {
		this.#sequence = sequence;
		for (const task of archive.tasks) this.#tasks.set(task.id, task);
		for (const entry of archive.audit) this.#audit.push({ ...entry, sequence });
		if (this.#tasks.size + this.#audit.length > 0) this.#working ??= this.#work();
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
		if (entry.sequence > this.#sequence && this.#tasks.size >= driverLimits.archiveTasksMax) await this.#apply();
		this.#sequence = entry.sequence;
		const { tasks, audit } = this.select(entry.changes, view);
		for (const task of tasks) this.#tasks.set(task.id, task);
		for (const record of audit) this.#audit.push({ ...record, sequence: entry.sequence });
	}

	/** At the end of recovery. */
	async replayed(sequence: number): Promise<void> {
		this.#sequence = sequence;
		if (sequence > this.appliedSequence) await this.#apply();
	}

	/** @param holds hears which ended tasks history has durably. */
	start(holds: (tasks: readonly HeldTask[]) => void): void {
		this.#holds = holds;
		if (this.#recovered.size > 0) holds([...this.#recovered.values()]);
		this.#recovered.clear();
	}

	/** Brings history to the newest entry, so that the journal can be truncated up to it. */
	async flush(): Promise<void> {
		await this.#working;
		if (this.#sequence > this.appliedSequence) await (this.#working ??= this.#work());
	}

	/** Hands over what it has, without trying again. */
	async stop(): Promise<void> {
		this.#stopping.abort();
		await this.#working;
	}

	/** Fills history again from what the journal holds. Nothing else is applied meanwhile. */
	async rebuild(journal: Journal): Promise<{ readonly tasks: number }> {
		while (this.#working) await this.#working;
		const rebuilding = this.#rebuild(journal);
		this.#working = rebuilding.then(
			() => {},
			() => {},
		);
		try {
			return await rebuilding;
		} finally {
			this.#working = this.#tasks.size + this.#audit.length > 0 ? this.#work() : undefined;
		}
	}

	async #rebuild(journal: Journal): Promise<{ readonly tasks: number }> {
		const last = this.#sequence;
		await this.#history.reset();
		const fleet = createFleet();
		const view = viewOf(fleet);
		let tasks = 0;
		for await (const entry of readWhatThereIs(journal)) {
			if (entry.sequence > last) break;
			restore(fleet, entry.changes);
			const archive = this.select(entry.changes, view);
			const audit = archive.audit.map((record) => ({ ...record, sequence: entry.sequence }));
			if (archive.tasks.length + audit.length === 0) continue;
			await this.#history.apply({ sequence: entry.sequence, tasks: archive.tasks, audit });
			tasks += archive.tasks.length;
		}
		return { tasks };
	}

	async #work(): Promise<void> {
		do {
			if (this.#tasks.size < driverLimits.archiveTasksMax)
				await this.#clock.sleep(driverLimits.archiveMs, this.#stopping.signal).catch(() => {});
			try {
				const held = await this.#apply();
				if (held.length > 0) this.#holds(held);
			} catch (error) {
				this.#logger.error("history did not take the tasks that ended; they stay in memory", { error, tasks: this.#tasks.size });
				await this.#clock.sleep(driverLimits.fullRetryMs, this.#stopping.signal).catch(() => {});
			}
		} while (this.#tasks.size + this.#audit.length > 0 && !this.#stopping.signal.aborted);
		this.#working = undefined;
	}

	async #apply(): Promise<readonly HeldTask[]> {
		const batch = { sequence: this.#sequence, tasks: this.#tasks, audit: this.#audit };
		this.#tasks = new Map();
		this.#audit = [];
		try {
			await this.#history.apply({ ...batch, tasks: [...batch.tasks.values()] });
		} catch (error) {
			this.#tasks = new Map([...batch.tasks, ...this.#tasks]);
			this.#audit = [...batch.audit, ...this.#audit];
			throw error;
		}
		return Array.from(batch.tasks.values(), ({ id, attempt, status }) => ({ id, attempt, status }));
	}
}

/** From the first entry, or from the newest snapshot when the first ones have been dropped. */
async function* readWhatThereIs(journal: Journal): AsyncGenerator<JournalEntry, void, undefined> {
	const { snapshotSequence } = await journal.size();
	try {
		yield* journal.read(0);
	} catch (error) {
		if (!(error instanceof CoveyError) || snapshotSequence === 0) throw error;
		yield* journal.read(snapshotSequence);
	}
}
