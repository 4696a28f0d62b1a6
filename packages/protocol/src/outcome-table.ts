import type { Outcome } from "./outcome.ts";

/**
 * What each outcome means for the task and for the person who asked.
 * - `infrastructure`: the fleet failed, not the work, so a policy may retry it.
 * - `exitCode`: what `covey run` exits with; undefined means the command's own code.
 */
export const outcomes: Readonly<
	Record<Outcome, { infrastructure: boolean; status: "done" | "failed" | "cancelled" | "needs_human"; exitCode?: number; sentence: string }>
> = {
	passed: { infrastructure: false, status: "done", exitCode: 0, sentence: "the command exited with 0" },
	failed: { infrastructure: false, status: "failed", sentence: "the command exited with another code or by a signal" },
	timed_out: { infrastructure: false, status: "failed", exitCode: 124, sentence: "it ran longer than its timeout" },
	silent: { infrastructure: false, status: "failed", exitCode: 124, sentence: "it wrote nothing for longer than its silent timeout" },
	cancelled: { infrastructure: false, status: "cancelled", exitCode: 130, sentence: "somebody cancelled it" },
	superseded: { infrastructure: false, status: "cancelled", exitCode: 6, sentence: "newer work with the same supersede key replaced it" },
	out_of_memory: { infrastructure: true, status: "failed", exitCode: 137, sentence: "the machine ran out of memory for it" },
	worker_lost: { infrastructure: true, status: "failed", exitCode: 7, sentence: "its worker's lease ended" },
	no_capacity: { infrastructure: true, status: "failed", exitCode: 7, sentence: "no worker could take it" },
	bad_environment: { infrastructure: true, status: "failed", exitCode: 7, sentence: "its environment could not be set up" },
	bad_snapshot: { infrastructure: true, status: "failed", exitCode: 7, sentence: "the worker could not produce the exact tree" },
	refused: { infrastructure: false, status: "failed", exitCode: 9, sentence: "the worker refused it" },
	needs_human: { infrastructure: false, status: "needs_human", exitCode: 6, sentence: "a person has to decide" },
};
