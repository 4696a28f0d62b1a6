import type { V2FromWorkerMessage, V2ToWorkerMessage } from "@covey/protocol";
import type { Effect } from "#core/effect.ts";
import type { Event } from "#core/event.ts";
import type { Fleet } from "#core/fleet.ts";
import type { RecordChange } from "#core/record.ts";

/**
 * How one fault of the zoo changes the course of things. Each hook stands where real systems went wrong; a world
 * without a fault has none of them.
 */
export interface Bend {
	// The coordinator.
	/** What its core is given in the place of an event. */
	event?(event: Event, fleet: Fleet, now: number): readonly Event[];
	/** Wraps one step of its core. */
	step?(fleet: Fleet, event: Event, now: number, go: () => readonly Effect[]): readonly Effect[];
	/** What reaches the journal. */
	changes?(changes: readonly RecordChange[]): readonly RecordChange[];
	/** After replay, before anything else. */
	recovered?(fleet: Fleet, now: number): void;
	readonly tellsBeforeDurable?: boolean;
	readonly snapshotsOverTime?: boolean;
	/** What travels to a worker. Undefined: nothing. */
	down?(message: V2ToWorkerMessage): V2ToWorkerMessage | undefined;

	// A worker.
	/** What travels to the coordinator, with so many processes running. Undefined: nothing. */
	up?(message: V2FromWorkerMessage, processes: number): V2FromWorkerMessage | undefined;
	/** It has been told, or has told itself, to end a process. */
	ignoresEnd?(reason: string): boolean;
	/** The link dropped after so long a connection. */
	givesUp?(connectedMs: number): boolean;
	/** How long a process may run that waited so long. */
	timeoutMs?(timeoutMs: number, waitedMs: number): number;
	/** A report is forgotten once it is sent. */
	readonly forgetsReports?: boolean;

	// A client.
	readonly cancelsWhatItLeaves?: boolean;
}
