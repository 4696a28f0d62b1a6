import { CoveyError, isEnded, type SnapshotReference } from "@covey/protocol";
import type { SnapshotStore } from "#coordinator/git/store.ts";
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

export function snapshotOf(payload: unknown): SnapshotReference | undefined {
	return (payload as { snapshot?: SnapshotReference } | null)?.snapshot;
}
