import type { Bend } from "./bend.ts";
import { coordinatorFaults } from "./coordinator-faults.ts";
import { workerFaults } from "./worker-faults.ts";

/** A fault that a real system had, or that this one could have. */
export interface Fault {
	/** Its number in the list of lessons; 0: our own. */
	readonly lesson: number;
	/**
	 * It must be found within this many seeds, from 1 on: three times as many as it takes, and six times as many as there
	 * are between two finds, for with any change of Covey or of the worlds other seeds find it.
	 */
	readonly seeds: number;
	/** What was, or would be, seen. */
	readonly peer: string;
	/** Makes it for one world. */
	readonly bend: () => Bend;
}

/** The bug zoo. Each fault can be switched on here, in test code, and must then be found: that tests the oracles. */
export const zoo = { ...coordinatorFaults, ...workerFaults } as const satisfies Record<string, Fault>;
export type FaultName = keyof typeof zoo;

/** How the world is bent with this fault; not at all without one. */
export function bendOf(name: FaultName | undefined): Bend {
	return name === undefined ? {} : zoo[name].bend();
}
