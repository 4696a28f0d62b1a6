import { setImmediate } from "node:timers/promises";
import { CoveyError, isEnded, type SnapshotReference } from "@covey/protocol";
import type { SnapshotStore } from "#coordinator/git/store.ts";
import type { Task } from "#core/task.ts";
import type { FleetView } from "#core/view.ts";
import type { Control } from "#ports/control.ts";

interface Pin {
	readonly namespace: string;
	readonly snapshot: SnapshotReference;
}

/** Holds the snapshots of live tasks in the store, from before a task is accepted until it has ended. */
export class SnapshotPins implements Disposable {
	readonly #store: Pick<SnapshotStore, "has" | "pin" | "unpin">;
	readonly #pins = new Map<string, Pin>();
	readonly #subscription: Disposable;

	constructor(store: Pick<SnapshotStore, "has" | "pin" | "unpin">, control: Control) {
		this.#store = store;
		this.#subscription = control.subscribe((effects) => {
			for (const effect of effects) {
				if (effect.type === "notify" && effect.event.type === "task" && isEnded(effect.event.status)) this.release(effect.event.task);
			}
		});
	}

	hold(task: string, namespace: string, snapshot: SnapshotReference): void {
		if (this.#pins.has(task)) return;
		this.#pins.set(task, { namespace, snapshot });
		this.#store.pin({ namespace, repository: snapshot.repository }, snapshot.commit);
	}

	/**
	 * Holds what a task needs before the task is accepted.
	 * @throws CoveyError `bad_snapshot` when it is not here; then nothing is held.
	 */
	async holdStored(task: string, namespace: string, snapshot: SnapshotReference): Promise<void> {
		// Held first, so that it cannot be dropped between the look and the submission.
		this.hold(task, namespace, snapshot);
		let stored = false;
		try {
			stored = await this.#store.has({ namespace, repository: snapshot.repository }, snapshot.commit);
		} finally {
			if (!stored) this.release(task);
		}
		if (stored) return;
		throw new CoveyError("bad_snapshot", `the coordinator does not have the tree ${snapshot.tree}`, {
			hint: "offer the snapshot and send its pack before submitting",
		});
	}

	release(task: string): void {
		const pin = this.#pins.get(task);
		if (!pin) return;
		this.#pins.delete(task);
		this.#store.unpin({ namespace: pin.namespace, repository: pin.snapshot.repository }, pin.snapshot.commit);
	}

	/**
	 * After a call for these tasks failed: lets go of those that are not live. A call that failed because the disk is full
	 * may still take effect; then its tasks are in memory by the next turn of the loop, and stay held until they end.
	 */
	async releaseRefused(tasks: readonly string[], control: Pick<Control, "query">): Promise<void> {
		const held = tasks.filter((task) => this.#pins.has(task));
		if (held.length === 0) return;
		await setImmediate();
		const live = (fleet: FleetView) => new Set(held.filter((task) => isLive(fleet.taskRecord(task))));
		const kept = await control.query(live).catch(() => new Set());
		for (const task of held) if (!kept.has(task)) this.release(task);
	}

	/** After a restart: the tasks that are live. */
	async recover(control: Control): Promise<void> {
		const found = await control.query((fleet) =>
			fleet
				.tasks({
					limit: Number.POSITIVE_INFINITY,
					matches: ({ status, spec }) => !isEnded(status) && snapshotOf(spec.submission.payload) !== undefined,
				})
				.tasks.map(({ id, submission }) => ({ id, namespace: submission.namespace, snapshot: snapshotOf(submission.payload)! })),
		);
		for (const { id, namespace, snapshot } of found) this.hold(id, namespace, snapshot);
	}

	[Symbol.dispose](): void {
		this.#subscription[Symbol.dispose]();
	}
}

function isLive(task: Readonly<Task> | undefined): boolean {
	return task !== undefined && !isEnded(task.status);
}

export function snapshotOf(payload: unknown): SnapshotReference | undefined {
	return (payload as { snapshot?: SnapshotReference } | null)?.snapshot;
}
