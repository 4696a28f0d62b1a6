import type { RecordChange } from "#core/record.ts";
import type { Logger } from "#kit/logger.ts";
import type { Journal } from "#ports/journal.ts";
import type { Archivist } from "./archivist.ts";
import { driverLimits } from "./limits.ts";

export interface CheckpointOptions {
	readonly journal: Journal;
	readonly archivist: Archivist;
	readonly logger: Logger;
	readonly signal: AbortSignal;
	/** Of `driverLimits` unless given. */
	readonly checkpointChangesMin?: number;
}

/**
 * Keeps the journal short: after enough changes the whole state is stored as a snapshot, and what lies before it and
 * is in history too is dropped. A checkpoint that fails leaves the older one, and is tried again later.
 */
export class Checkpoint {
	readonly #options: CheckpointOptions;
	readonly #changesMin: number;
	#changes = 0;
	#dueAt: number;
	#running: Promise<void> | undefined;

	constructor(options: CheckpointOptions) {
		this.#options = options;
		this.#changesMin = options.checkpointChangesMin ?? driverLimits.checkpointChangesMin;
		this.#dueAt = this.#changesMin;
	}

	/** The state should be copied at the next moment at which all of it is durable. */
	get due(): boolean {
		return this.#changes >= this.#dueAt && !this.#running;
	}

	count(changes: number): void {
		this.#changes += changes;
	}

	/** Copies `records`, the state after entry `sequence`, at once; the rest goes on by itself. */
	take(sequence: number, records: Iterable<RecordChange>): void {
		const copy = [...records];
		this.#changes = 0;
		this.#dueAt = Math.max(this.#changesMin, 2 * copy.length);
		this.#running = this.#store(sequence, copy).finally(() => {
			this.#running = undefined;
		});
	}

	async settled(): Promise<void> {
		await this.#running;
	}

	async #store(sequence: number, records: readonly RecordChange[]): Promise<void> {
		const { journal, archivist, logger, signal } = this.#options;
		try {
			await journal.putSnapshot(sequence, records, signal);
			await archivist.flush();
			await journal.truncate(Math.min(sequence, archivist.appliedSequence));
			logger.debug("checkpoint", { sequence, records: records.length });
		} catch (error) {
			if (!signal.aborted) logger.warn("no checkpoint: the journal stays long until the next one", { error });
		}
	}
}
