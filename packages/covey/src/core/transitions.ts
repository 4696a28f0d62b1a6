import type { TaskStatus, WireError, WorkerStatus } from "@covey/protocol";
import { assert } from "#kit/assert.ts";

/** The moves of one noun. What is not in its table does not happen. */
export interface TransitionTable<State extends string> {
	readonly noun: string;
	readonly initial: State;
	readonly moves: readonly Transition<State>[];
}

interface Transition<State extends string> {
	readonly from: State;
	readonly to: State;
	readonly when: string;
	/** A person may ask for it; otherwise it only follows from what happens. */
	readonly person?: true;
}

export const taskTransitions: TransitionTable<TaskStatus> = {
	noun: "task",
	initial: "pending",
	moves: [
		{ from: "pending", to: "claimed", when: "placed on a worker" },
		{ from: "pending", to: "cancelled", when: "cancelled or superseded" },
		{ from: "claimed", to: "in_progress", when: "started" },
		{ from: "claimed", to: "pending", when: "declined, worker lost, or retried" },
		{ from: "claimed", to: "done", when: "passed" },
		{ from: "claimed", to: "failed", when: "failed before its start was heard of" },
		{ from: "claimed", to: "needs_human", when: "a person has to decide" },
		{ from: "claimed", to: "cancelled", when: "cancelled or superseded" },
		{ from: "in_progress", to: "pending", when: "worker lost, or retried" },
		{ from: "in_progress", to: "done", when: "passed" },
		{ from: "in_progress", to: "failed", when: "failed" },
		{ from: "in_progress", to: "needs_human", when: "a person has to decide" },
		{ from: "in_progress", to: "cancelled", when: "cancelled or superseded" },
		{ from: "needs_human", to: "pending", when: "answered or queued again", person: true },
		{ from: "needs_human", to: "done", when: "accepted", person: true },
		{ from: "needs_human", to: "failed", when: "given up", person: true },
		{ from: "needs_human", to: "cancelled", when: "cancelled", person: true },
		{ from: "failed", to: "pending", when: "queued again", person: true },
		{ from: "failed", to: "done", when: "accepted", person: true },
	],
};

export type AttemptState = "assigned" | "running" | "ended";

export const attemptTransitions: TransitionTable<AttemptState> = {
	noun: "attempt",
	initial: "assigned",
	moves: [
		{ from: "assigned", to: "running", when: "the worker started it" },
		{ from: "assigned", to: "ended", when: "declined, reported or lost" },
		{ from: "running", to: "ended", when: "reported or lost" },
	],
};

export const workerTransitions: TransitionTable<WorkerStatus> = {
	noun: "worker",
	initial: "gone",
	moves: [
		{ from: "gone", to: "connected", when: "connects" },
		{ from: "connected", to: "connected", when: "connects again: the older session is closed" },
		{ from: "connected", to: "disconnected", when: "its link drops" },
		{ from: "connected", to: "gone", when: "says goodbye, or is revoked" },
		{ from: "disconnected", to: "connected", when: "connects again" },
		{ from: "disconnected", to: "gone", when: "its leases have ended, or it is revoked" },
		{ from: "gone", to: "disconnected", when: "the coordinator starts again, and waits one lease for it" },
		{ from: "gone", to: "gone", when: "it is revoked" },
	],
};

export type LeaseState = "none" | "held";

export const leaseTransitions: TransitionTable<LeaseState> = {
	noun: "lease",
	initial: "none",
	moves: [
		{ from: "none", to: "held", when: "an attempt is assigned, or the coordinator starts again" },
		{ from: "held", to: "held", when: "renewed: its worker was heard" },
		{ from: "held", to: "none", when: "the attempt ended, or the lease did" },
	],
};

/** The state of a lease that is there or not. */
export function leaseState(lease: unknown): LeaseState {
	return lease === undefined ? "none" : "held";
}

/** @throws AssertionError when the table does not know the move: the caller should have asked. */
export function assertMove<State extends string>(table: TransitionTable<State>, from: State, to: State): void {
	const known = table.moves.some((move) => move.from === from && move.to === to);
	assert(known, `${table.noun} never moves from ${from} to ${to}`);
}

/** Why a person may not move `id` like this, or undefined when they may. */
export function refuseMove<State extends string>(table: TransitionTable<State>, id: string, from: State, to: State): WireError | undefined {
	const allowed = table.moves.filter((move) => move.from === from && move.person).map((move) => move.to);
	if (allowed.includes(to)) return undefined;
	return {
		code: "transition_refused",
		message: `${table.noun} ${id} is ${from} and cannot become ${to}`,
		hint:
			allowed.length === 0 ? `nobody moves a ${table.noun} that is ${from} by hand` : `from ${from} it can become ${allowed.join(", ")}`,
		details: { from, to, allowed },
	};
}

/** The table as a Mermaid state diagram, for the docs. */
export function diagram<State extends string>(table: TransitionTable<State>): string {
	const ends = new Set(table.moves.map((move) => move.to).filter((to) => !table.moves.some((move) => move.from === to)));
	return [
		"stateDiagram-v2",
		`\t[*] --> ${table.initial}`,
		...table.moves.map(({ from, to, when, person }) => `\t${from} --> ${to}: ${when}${person ? " (a person)" : ""}`),
		...[...ends].map((end) => `\t${end} --> [*]`),
		"",
	].join("\n");
}
