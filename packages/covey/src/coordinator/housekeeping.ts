import type { Clock } from "#kit/clock.ts";
import type { Logger } from "#kit/logger.ts";
import type { Blobs } from "#ports/blobs.ts";
import type { SnapshotStore } from "./git/store.ts";
import { housekeepingLimits } from "./limits.ts";

/** Keeps what is only a cache within its bounds: snapshots that no live task needs, and artifacts. Logs see to themselves. */
export class Housekeeping implements AsyncDisposable {
	readonly #stopping = new AbortController();
	readonly #working: Promise<void>;

	constructor(options: {
		readonly snapshots: Pick<SnapshotStore, "maintain">;
		readonly blobs: Pick<Blobs, "trim">;
		readonly artifactBytesMax: number;
		readonly clock: Clock;
		readonly logger: Logger;
	}) {
		const { snapshots, blobs, artifactBytesMax, clock, logger } = options;
		const { signal } = this.#stopping;
		const round = async () => {
			const { dropped } = await snapshots.maintain(signal);
			const { removed } = await blobs.trim({ bytesMax: artifactBytesMax, minAgeMs: housekeepingLimits.artifactAgeMinMs });
			if (dropped + removed > 0) logger.info("made room", { snapshots: dropped, artifacts: removed });
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
