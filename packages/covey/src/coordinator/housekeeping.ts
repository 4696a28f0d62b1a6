import type { Clock } from "#kit/clock.ts";
import type { Logger } from "#kit/logger.ts";
import type { Blobs } from "#ports/blobs.ts";
import type { History } from "#ports/history.ts";
import type { SnapshotStore } from "./git/store.ts";
import { housekeepingLimits } from "./limits.ts";

/** Keeps what is only a cache within its bounds: snapshots that no live task needs, artifacts and history. Logs see to themselves. */
export class Housekeeping implements AsyncDisposable {
	readonly #stopping = new AbortController();
	readonly #working: Promise<void>;

	constructor(options: {
		readonly snapshots: Pick<SnapshotStore, "maintain">;
		readonly blobs: Pick<Blobs, "trim">;
		readonly history: Pick<History, "trim">;
		readonly artifactBytesMax: number;
		readonly clock: Clock;
		readonly logger: Logger;
	}) {
		const { snapshots, blobs, history, artifactBytesMax, clock, logger } = options;
		const { signal } = this.#stopping;
		const round = async () => {
			const { dropped } = await snapshots.maintain(signal);
			const { removed } = await blobs.trim({ bytesMax: artifactBytesMax, minAgeMs: housekeepingLimits.artifactAgeMinMs });
			const { historyTasksMax: rowsMax, historyAgeMaxMs: ageMaxMs } = housekeepingLimits;
			const tasks = await history.trim({ rowsMax, ageMaxMs, now: clock.now() });
			if (dropped + removed + tasks > 0) logger.info("made room", { snapshots: dropped, artifacts: removed, tasks });
		};
		this.#working = (async () => {
			for (;;) {
				await clock.sleep(housekeepingLimits.everyMs, signal).catch(() => {});
				if (signal.aborted) return;
				await round().catch((error: unknown) => signal.aborted || logger.warn("no room could be made; tried again later", { error }));
			}
		})();
	}

	async [Symbol.asyncDispose](): Promise<void> {
		this.#stopping.abort();
		await this.#working;
	}
}
