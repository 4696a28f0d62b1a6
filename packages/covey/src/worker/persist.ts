import { setTimeout as sleep } from "node:timers/promises";
import { CoveyError } from "@covey/protocol";
import { createBackoff } from "#kit/backoff.ts";
import { workerLimits } from "./limits.ts";

/** Does it again, for a while, as long as the coordinator cannot be reached. @throws what the last try threw; an AbortError. */
export async function persist<T>(attempt: () => Promise<T>, signal?: AbortSignal): Promise<T> {
	const { backoff, giveUpMs } = workerLimits.transfer;
	const waits = createBackoff({ ...backoff, random: Math.random });
	const giveUpAt = performance.now() + giveUpMs;
	for (;;) {
		try {
			return await attempt();
		} catch (error) {
			if (!isPassing(error) || performance.now() > giveUpAt) throw error;
			await sleep(waits.next(), undefined, { ...(signal && { signal }) });
		}
	}
}

/** A session that ended takes its token with it, and the worker may hear of that later than the coordinator. */
function isPassing(error: unknown): boolean {
	return error instanceof CoveyError && (error.code === "unavailable" || error.code === "unauthenticated");
}
