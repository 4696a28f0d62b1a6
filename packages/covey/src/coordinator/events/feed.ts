import type { FleetEvent } from "@covey/protocol";
import { driverLimits } from "#coordinator/limits.ts";
import type { Effect } from "#core/effect.ts";
import type { Control } from "#ports/control.ts";

type Reader = (event: FleetEvent) => void;

/**
 * The fleet's events as they become durable, with the last few thousand kept, so that a reader that was cut off goes
 * on where it was.
 */
export class EventFeed implements Disposable {
	readonly #readers = new Set<Reader>();
	readonly #watchers = new Map<string, Set<() => void>>();
	readonly #subscription: Disposable;
	#kept: FleetEvent[] = [];
	/** Everything after this sequence is in `#kept`. */
	#since: number;

	/** @param control recovered: what happened before is not told. */
	constructor(control: Control) {
		this.#since = control.sequence;
		this.#subscription = control.subscribe((effects, sequence) => this.#take(effects, sequence));
	}

	/**
	 * Calls back for each event after `sequence`, those kept at once. Absent: from now on.
	 * @returns undefined when events after `sequence` are no longer kept: the reader has to look at the whole state.
	 */
	subscribe(sequence: number | undefined, reader: Reader): Disposable | undefined {
		if (sequence !== undefined) {
			if (sequence < this.#since) return undefined;
			for (const event of this.#kept) if (event.sequence > sequence) reader(event);
		}
		this.#readers.add(reader);
		return { [Symbol.dispose]: () => void this.#readers.delete(reader) };
	}

	/** Calls back after each change of a task. */
	watch(task: string, changed: () => void): Disposable {
		const watchers = this.#watchers.get(task) ?? new Set();
		this.#watchers.set(task, watchers.add(changed));
		return {
			[Symbol.dispose]: () => {
				watchers.delete(changed);
				if (watchers.size === 0 && this.#watchers.get(task) === watchers) this.#watchers.delete(task);
			},
		};
	}

	[Symbol.dispose](): void {
		this.#subscription[Symbol.dispose]();
		this.#readers.clear();
		this.#watchers.clear();
	}

	#take(effects: readonly Effect[], sequence: number): void {
		for (const effect of effects) {
			if (effect.type !== "notify") continue;
			const event = { ...effect.event, sequence } as FleetEvent;
			this.#kept.push(event);
			for (const reader of this.#readers) reader(event);
			if (event.type === "task") for (const changed of this.#watchers.get(event.task) ?? []) changed();
		}
		if (this.#kept.length > 2 * driverLimits.eventsKept) this.#forget();
	}

	#forget(): void {
		const dropped = this.#kept.length - driverLimits.eventsKept;
		this.#since = this.#kept[dropped - 1]!.sequence;
		// Events of one sequence stay or go together.
		this.#kept = this.#kept.slice(dropped).filter((event) => event.sequence > this.#since);
	}
}
