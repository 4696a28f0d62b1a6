import type { Effect, Reply } from "#core/effect.ts";
import type { Event } from "#core/event.ts";
import type { FleetView } from "#core/view.ts";

type WithoutReply<T> = T extends { replyTo: number } ? Omit<T, "replyTo"> : never;

/** What the coordinator's HTTP, WebSocket and link parts ask of the driver. Any of them, at any time, concurrently. */
export interface Control {
	/** Hands in an event that is answered. Resolves when the commit that holds it is durable. @throws CoveyError `unavailable` when stopping, `store_full`, `too_many` when the queue is full. */
	ask(event: WithoutReply<Event>): Promise<Extract<Reply, { ok: true }>>;
	/** Hands in an event that is not. Dropped when stopping; never blocks; link events are bounded by the number of sessions. */
	tell(event: Exclude<Event, { replyTo: number }>): void;
	/** Reads the live state between two batches; the answer waits until what it saw is durable. `read` must not keep references. */
	query<T>(read: (fleet: FleetView) => T): Promise<T>;
	/** Sequence of the last durable entry. */
	readonly sequence: number;
	readonly state: "starting" | "ready" | "draining" | "read_only" | "stopped";
	/** Effects other than replies, after their commit, in order. Called synchronously; must not throw. */
	subscribe(listener: (effects: readonly Effect[], sequence: number) => void): Disposable;
}
