import type { Assign, AttemptReport, Pressure, V2FromWorkerMessage, V2ToWorkerMessage, WorkerOffer } from "@covey/protocol";
import type { EndReason } from "#core/effect.ts";

/**
 * A worker's own state machine: what it believes, and what it may therefore do. The shell around it owns the socket,
 * the processes and the disk; it feeds events and performs effects, in order.
 *
 * Of the session: disconnected → connected → disconnected; a newer `connected` replaces an older session.
 * Of an attempt: [waiting →] preparing → running → ended → forgotten. It waits only while an older attempt of the same
 * task is still being ended, so that no task ever runs twice at once on one worker. Preparing and running attempts end
 * by themselves, by the coordinator's word, or because their lease has ended: then this worker kills them without
 * asking anybody. An ended attempt is kept, and its report repeated, until the coordinator says that it has it.
 */
export interface Agent {
	readonly config: AgentConfig;
	offer: WorkerOffer;
	pressure: Pressure | undefined;
	session: AgentSession | undefined;
	/** By attempt key, in the order of their assignment. */
	readonly attempts: Map<string, AgentAttempt>;
	/** The same by task, the oldest first. */
	readonly byTask: Map<string, readonly AgentAttempt[]>;
	/** Taken by what runs or will. A newer attempt that waits for an older one of its task to end takes that one's place. */
	slots: number;
	/** No lease of what runs ends before this time. */
	fenceAt: number;
	/** Newest attempt number of tasks forgotten lately, and of those before: a late duplicate of an assignment must not run again. */
	forgotten: readonly [Map<string, number>, ReadonlyMap<string, number>];
	/** The coordinator's wish: take no new work. */
	draining: boolean;
	/** Our own: `drain` takes no new work and leaves when all has settled, `stop` also ends what runs. */
	leaving: "no" | "drain" | "stop" | "left";
}

export interface AgentConfig {
	readonly offer: WorkerOffer;
	/** Between TERM and KILL when a lease has ended: must fit into the coordinator's margin. */
	readonly fenceGraceMs: number;
}

/** One connection after its welcome. All times are milliseconds of the shell's monotonic clock. */
export interface AgentSession {
	readonly leaseTtlMs: number;
	readonly syncMs: number;
	/** The coordinator is known to have heard us at or after this time: leases count from here. */
	heardAt: number;
	/** Of the last sync sent. */
	sequence: number;
	/** Highest `assign.sequence` received. */
	assigned: number;
	nextSyncAt: number;
	/** Send times of syncs that are not answered yet, by sequence. */
	readonly sent: Map<number, number>;
}

export interface AgentAttempt {
	readonly assign: Assign;
	state: "waiting" | "preparing" | "running" | "ended";
	/** Runs no longer than this unless it is renewed. */
	leaseUntil: number;
	/** Set when it was told to end. */
	ending: { readonly reason: EndReason; readonly killAt: number } | undefined;
	fenced: boolean;
	report: AttemptReport | undefined;
	/** The session and channel that its output flows on; undefined after a reconnect until the coordinator resumes it. */
	channel: number | undefined;
}

export interface AttemptName {
	readonly task: string;
	readonly attempt: number;
}

export type AgentEvent =
	/** Welcomed. `since`: when the coordinator can at the earliest have heard us, the send time of our proof. */
	| { readonly type: "connected"; readonly since: number; readonly leaseTtlMs: number; readonly syncMs: number }
	| { readonly type: "disconnected" }
	| { readonly type: "message"; readonly message: V2ToWorkerMessage }
	/** The runner says that the work itself began. */
	| ({ readonly type: "attempt.started" } & AttemptName)
	/** The runner is done, and nothing of it is left. */
	| ({ readonly type: "attempt.ended"; readonly report: AttemptReport } & AttemptName)
	/** Before the first `connected`: attempts whose reports an earlier process kept. */
	| { readonly type: "recovered"; readonly attempts: readonly { readonly assign: Assign; readonly report: AttemptReport }[] }
	| { readonly type: "offer"; readonly offer: WorkerOffer }
	| { readonly type: "pressure"; readonly pressure: Pressure }
	/** Time has reached `nextAgentTimerAt`, or may have: harmless at any time. */
	| { readonly type: "tick" }
	| { readonly type: "drain" }
	| { readonly type: "stop" };

export type AgentEffect =
	/** `complete` waits behind the attempt's output, everything else is sent at once; lost when not connected. */
	| { readonly type: "send"; readonly message: V2FromWorkerMessage }
	| { readonly type: "start"; readonly assign: Assign }
	/** TERM, `graceMs`, KILL. May come again with less grace. */
	| ({ readonly type: "end"; readonly reason: EndReason; readonly graceMs: number } & AttemptName)
	/** Send its output from `offset` on `channel`. */
	| ({ readonly type: "resume"; readonly channel: number; readonly offset: number } & AttemptName)
	/** Its report and output are no longer needed. */
	| ({ readonly type: "forget" } & AttemptName)
	/** Drained or stopped: nothing runs and nothing waits to be settled that could still be. Once. */
	| { readonly type: "left" };

export function createAgent(config: AgentConfig): Agent {
	return {
		config,
		offer: config.offer,
		pressure: undefined,
		session: undefined,
		attempts: new Map(),
		byTask: new Map(),
		slots: 0,
		fenceAt: Number.POSITIVE_INFINITY,
		forgotten: [new Map(), new Map()],
		draining: false,
		leaving: "no",
	};
}

/** Slots taken by what runs or will, other than attempts of the task `except`. */
export function slotsUsed(agent: Agent, except?: string): number {
	return agent.slots - (except === undefined ? 0 : slotsOf(agent, except));
}

/** Slots that the attempts of one task take. */
export function slotsOf({ byTask }: Agent, task: string): number {
	return byTask.get(task)?.findLast(({ state }) => state !== "ended")?.assign.constraints.slots ?? 0;
}
