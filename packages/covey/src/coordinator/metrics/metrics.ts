import { Outcome } from "@covey/protocol";
import { Counter, Gauge, Histogram, Registry } from "prom-client";
import type { EndedTask } from "#coordinator/archivist.ts";
import type { Commit } from "#coordinator/driver.ts";
import { version } from "#kit/version.ts";
import type { Control } from "#ports/control.ts";

/**
 * What Prometheus reads. Labels are outcomes and states only, never an id, a name or a branch, so that the number of
 * series is fixed; each begins at 0.
 */
export interface Metrics {
	readonly contentType: string;
	render(): Promise<string>;
	/** After each durable entry of the journal. */
	committed(commit: Commit): void;
}

/** @param control gives the fleet's counts at each scrape. */
export function createMetrics(control: Pick<Control, "query" | "state">): Metrics {
	const registry = new Registry();
	const registers = [registry];
	const tasks = new Counter({ name: "covey_tasks_total", help: "Tasks that ended", labelNames: ["outcome"], registers });
	for (const outcome of Outcome.options) tasks.inc({ outcome }, 0);
	const queueWait = new Histogram({
		name: "covey_queue_wait_seconds",
		help: "From pending to placed, of tasks that ended",
		buckets: [0.001, 0.005, 0.02, 0.1, 0.5, 2, 10, 60, 300, 1800],
		registers,
	});
	const commits = new Histogram({
		name: "covey_journal_commit_seconds",
		help: "From the hand-over of an entry to its being durable",
		buckets: [0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 2],
		registers,
	});
	const changes = new Counter({ name: "covey_journal_changes_total", help: "Record changes made durable", registers });
	const outputBytes = new Counter({ name: "covey_log_bytes_total", help: "Output of tasks that ended", registers });
	const info = new Gauge({ name: "covey_build_info", help: "Always 1", labelNames: ["version", "node"], registers });
	info.set({ version, node: process.versions.node }, 1);
	const workers = new Gauge({ name: "covey_workers", help: "Workers by state", labelNames: ["state"], registers });
	for (const state of ["connected", "disconnected", "draining"]) workers.set({ state }, 0);
	const live = new Gauge({ name: "covey_tasks", help: "Live tasks by status", labelNames: ["status"], registers });
	for (const status of ["pending", "claimed", "in_progress", "needs_human"]) live.set({ status }, 0);
	const slots = new Gauge({ name: "covey_slots", help: "Slots of connected workers", labelNames: ["state"], registers });

	function countEnded({ outcome, waitedMs, outputBytes: bytes }: EndedTask): void {
		tasks.inc({ outcome });
		if (waitedMs !== undefined) queueWait.observe(waitedMs / 1000);
		outputBytes.inc(bytes);
	}

	async function refresh(): Promise<void> {
		const counts = await control.query((fleet) => fleet.counts());
		for (const [state, value] of Object.entries(counts.workers)) workers.set({ state }, value);
		for (const [status, value] of Object.entries(counts.tasks)) live.set({ status }, value);
		for (const [state, value] of Object.entries(counts.slots)) slots.set({ state }, value);
	}

	return {
		contentType: registry.contentType,
		async render() {
			if (control.state !== "starting" && control.state !== "stopped") await refresh();
			return registry.metrics();
		},
		committed(commit) {
			commits.observe(commit.durationMs / 1000);
			changes.inc(commit.changes);
			for (const task of commit.ended) countEnded(task);
		},
	};
}
