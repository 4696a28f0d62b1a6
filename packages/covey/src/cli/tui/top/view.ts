import type { FleetStatus, TaskView, WorkerView } from "@covey/protocol";

/** Everything that the screen shows, as it was at `now`. */
export interface View {
	readonly now: number;
	readonly status: FleetStatus;
	readonly workers: readonly WorkerView[];
	/** Claimed and in progress, the longest first. */
	readonly running: readonly TaskView[];
	/** Waiting, the next first. */
	readonly queue: readonly TaskView[];
	/** Ended, newest first. */
	readonly recent: readonly TaskView[];
	/** The last line that each running task has written. */
	readonly lastLines: ReadonlyMap<string, string>;
}

/** What is done with the selected line. */
export interface Selection {
	readonly kind: "worker" | "task";
	/** Name or id. */
	readonly id: string;
}

/** In the order of the screen. */
export function selectable({ workers, running, queue, recent }: View): Selection[] {
	return [
		...workers.map(({ name }): Selection => ({ kind: "worker", id: name })),
		...[...running, ...queue, ...recent].map(({ id }): Selection => ({ kind: "task", id })),
	];
}

export function isSame(one: Selection | undefined, other: Selection): boolean {
	return one?.kind === other.kind && one.id === other.id;
}
