import { workerTable } from "#cli/list-view.ts";
import { renderTable } from "#cli/table.ts";
import type { Style } from "#cli/terminal.ts";
import { formatDuration } from "#kit/duration.ts";
import type { Pool } from "./pool.ts";

const purposes = { api: "everything", workers: "workers, at /ws", git: "git, read-only, for everybody" } as const;

/** For people. */
export function describePool(pool: Pool, now: number, style: Style): string {
	const { url, version, state, reason, startedAt, queue, slots, localFallback, listeners, workers } = pool;
	const shown = state === "ready" ? style.green(state) : style.yellow(reason === undefined ? state : `${state}: ${reason}`);
	const fallback = localFallback.enabled ? `${localFallback.used} of ${localFallback.slots} slots in use` : "off";
	const doors = listeners.flatMap(({ purpose, addresses, up, reason: why }) =>
		addresses.map((address) => [address, purposes[purpose], up ? style.green("open") : style.red(`down: ${why ?? "nobody knows why"}`)]),
	);
	return [
		`${style.bold("build pool")}  ${shown}  Covey ${version}  ${url}  up for ${formatDuration(Math.max(0, now - startedAt))}`,
		`slots     ${slots.used} of ${slots.total} in use`,
		`queue     ${queue.waiting} waiting, ${queue.running} running, ${queue.needsPerson} need a person`,
		`fallback  ${fallback}`,
		"",
		renderTable(["LISTENS AT", "FOR", "STATE"], doors, style.bold),
		"",
		workers.length === 0 ? "no workers; see docs/build-agent.md" : workerTable(workers, now, style),
	].join("\n");
}
