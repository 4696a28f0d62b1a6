import type { ArtifactReference, TaskView } from "@covey/protocol/task";
import { jsonSchemaVersion } from "@covey/protocol/versions";

/** How a run ended, in one document: what `covey run --json` prints and `fleet.run` returns. */
export interface FinalRecord {
	/** Version of this document. */
	readonly schema: typeof jsonSchemaVersion;
	readonly task: string;
	readonly status: TaskView["status"];
	readonly outcome: NonNullable<TaskView["outcome"]> | null;
	/** The command's own; null when it did not exit by itself. */
	readonly exitCode: number | null;
	/** Name of the signal that ended the command. */
	readonly signal: string | null;
	readonly message: string | null;
	readonly machine: string | null;
	/** The tree that the worker proved before the start; null without a snapshot. */
	readonly tree: string | null;
	/** 0: it never ran. */
	readonly attempt: number;
	readonly isolation: number | null;
	/** What brought the tools: `plain`, `nix`, …; null without a worktree. */
	readonly environment: string | null;
	/** Milliseconds: `total` from submission to end, `waited` before the attempt, the rest by phase of the attempt. */
	readonly timings: Readonly<Record<string, number>>;
	/** Why it ran there. */
	readonly placement: { readonly because: string; readonly sentence: string } | null;
	readonly artifacts: readonly ArtifactReference[];
	/** Artifacts that were asked for and not found. */
	readonly missing: readonly string[];
	readonly output: { readonly bytes: number; readonly droppedBytes: number };
}

/** The record of a task as it is now; meant for one that has ended. */
export function finalRecord(task: TaskView): FinalRecord {
	const attempt = task.attempts.find((one) => one.number === task.attempt);
	const report = attempt?.report;
	const endedAt = task.endedAt ?? attempt?.endedAt ?? task.updatedAt;
	return {
		schema: jsonSchemaVersion,
		task: task.id,
		status: task.status,
		outcome: task.outcome ?? null,
		exitCode: task.exitCode ?? report?.facts?.exitCode ?? null,
		signal: report?.facts?.signal ?? null,
		message: task.message ?? report?.message ?? null,
		machine: attempt?.worker ?? null,
		tree: report?.tree ?? null,
		attempt: task.attempt,
		isolation: report?.isolation ?? null,
		environment: report?.environment ?? null,
		timings: {
			total: Math.max(0, endedAt - task.createdAt),
			...(task.placement && { waited: task.placement.waitedMs }),
			...roundAll(report?.timings),
		},
		placement: task.placement ? { because: task.placement.because, sentence: task.placement.sentence } : null,
		artifacts: report?.artifacts ?? [],
		missing: report?.missing ?? [],
		output: { bytes: report?.outputBytes ?? 0, droppedBytes: report?.outputDroppedBytes ?? 0 },
	};
}

/** Milliseconds to the microsecond: more digits are noise. */
function roundAll(timings: Readonly<Record<string, number>> = {}): Record<string, number> {
	return Object.fromEntries(Object.entries(timings).map(([phase, ms]) => [phase, Math.round(ms * 1000) / 1000]));
}
