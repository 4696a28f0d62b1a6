import type { ListenerStatus, OperationName, OperationOutput, OperationRequest } from "@covey/protocol";
import type { Principal } from "#coordinator/auth/principal.ts";
import type { EventFeed } from "#coordinator/events/feed.ts";
import type { SnapshotStore } from "#coordinator/git/store.ts";
import type { Logs } from "#coordinator/logs/log.ts";
import type { Clock } from "#kit/clock.ts";
import type { Control } from "#ports/control.ts";
import type { History } from "#ports/history.ts";
import type { SnapshotPins } from "./pins.ts";

/** What the handlers of operations work on. */
export interface OperationContext {
	readonly control: Control;
	readonly history: History;
	readonly feed: EventFeed;
	readonly clock: Clock;
	readonly logs: Pick<Logs, "read" | "end">;
	readonly snapshots: SnapshotStore;
	readonly pins: SnapshotPins;
	readonly identity: { readonly coordinator: string; readonly fingerprint: string };
	readonly startedAt: number;
	/** Where clients reach this coordinator. */
	readonly url: () => string;
	readonly listeners: () => readonly ListenerStatus[];
	/** No new tasks from now on. */
	readonly drain: () => void;
	/** See `Archivist.look`. */
	readonly look: <T>(work: () => Promise<T>) => Promise<T>;
	readonly rebuildHistory: () => Promise<{ readonly tasks: number }>;
}

export interface Caller {
	readonly principal: Principal;
	/** Aborts when the caller went away. */
	readonly signal: AbortSignal;
}

export type Handler<N extends OperationName> = (input: OperationRequest<N>, caller: Caller) => Promise<OperationOutput<N>>;
export type Handlers = { readonly [N in OperationName]: Handler<N> };
