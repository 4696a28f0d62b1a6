import { isEnded } from "@covey/protocol";
import type { Effect } from "#core/effect.ts";
import type { Logger } from "#kit/logger.ts";
import type { Logs } from "./log.ts";

/** Finishes the logs of attempts that the fleet, durably, waits for no longer: ended, given back or up to a person. */
export function finishEnded(logs: Pick<Logs, "finish">, effects: readonly Effect[], logger: Logger): void {
	for (const effect of effects) {
		if (effect.type !== "notify" || effect.event.type !== "task") continue;
		const { task, attempt, status } = effect.event;
		if (attempt === 0 || !(isEnded(status) || status === "pending" || status === "needs_human")) continue;
		logs.finish(task, attempt).catch((error: unknown) => logger.error("a log could not be finished", { task, attempt, error }));
	}
}
