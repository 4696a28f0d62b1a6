import type { TaskView } from "@covey/protocol";
import type { Reply } from "#core/effect.ts";
import type { Event } from "#core/event.ts";
import type { Fleet } from "#core/fleet.ts";
import type { CoordinatorSide, Introduction } from "./coordinator-link.ts";
import type { WorkerNode } from "./worker-node.ts";

type WithoutReply<T> = T extends { replyTo: number } ? Omit<T, "replyTo"> : never;
export type Asked = WithoutReply<Event>;
export type Told = Exclude<Event, { replyTo: number }>;

/** What the rest of a world sees of its coordinator, whichever loop drives the core. */
export interface Coordinator {
	readonly up: boolean;
	/** What it holds, as far as it may be known: the model's own memory, or what the real driver has on disk. */
	readonly fleet: Fleet;
	/** Ended tasks, durably. */
	readonly history: ReadonlyMap<string, TaskView>;
	/** The worker in its own process. */
	embedded: WorkerNode | undefined;
	/** Its process does nothing before. */
	frozenUntil: number;
	start(): Promise<void>;
	/** Hands in an event and calls back when it is durable; never, if the process dies first. */
	ask(event: Asked, answer: (reply: Reply) => void): void;
	/** What a client reads: never anything that is not durable. */
	read(task: string): TaskView | undefined;
	/** A worker has proved who it is on a new connection; `welcome` when that is durable. */
	accept(connection: CoordinatorSide, introduction: Introduction, welcome: () => void): void;
	/** kill -9, and a new process after a while. */
	crashAndRestart(): void;
	/** The next batch dies somewhere between its commit and its last effect. */
	crashAtNextEffect(): void;
	/** What a process that started now would find is what this one holds. */
	checkDisk(): Promise<void>;
}

export const leases = { leaseTtlMs: 90_000, leaseMarginMs: 10_000, syncMs: 15_000 };

/** Wall time at the start of every world. */
export const epoch = 1_700_000_000_000;
