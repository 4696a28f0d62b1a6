import type { AttemptReport, Pressure, TaskSubmission, TaskView, WorkerOffer } from "@covey/protocol";
import type { Task } from "./task.ts";
import type { TokenRecord } from "./token.ts";
import type { WorkerRecord } from "./worker.ts";

/** Who a change is made by, for fairness, for namespaces and for the audit log. */
export interface Actor {
	/** Token label or `admin`, `worker:<name>`, `coordinator`. */
	readonly name: string;
	readonly admin: boolean;
	/** Empty means all. */
	readonly namespaces: readonly string[];
}

/** Answers come back as `reply` effects with this number, in the order of the events. */
export type ReplyTo = number;

interface SessionAttempt {
	readonly session: string;
	readonly worker: string;
	readonly task: string;
	readonly attempt: number;
}

/** Everything that can happen to the fleet. Ids, times and chance are made outside and passed in. */
export type Event =
	| { readonly type: "tick" }
	| {
			readonly type: "task.submit";
			readonly replyTo: ReplyTo;
			readonly actor: Actor;
			readonly tasks: readonly { readonly id: string; readonly ask: string; readonly submission: TaskSubmission }[];
	  }
	| {
			readonly type: "task.cancel";
			readonly replyTo: ReplyTo;
			readonly actor: Actor;
			readonly task: string;
			readonly ask?: string;
			readonly force: boolean;
	  }
	| {
			readonly type: "task.hold";
			readonly replyTo: ReplyTo;
			readonly actor: Actor;
			readonly holds: readonly { readonly task: string; readonly ask: string }[];
	  }
	| {
			readonly type: "task.resolve";
			readonly replyTo: ReplyTo;
			readonly actor: Actor;
			readonly task: string;
			readonly to: "pending" | "done" | "failed" | "cancelled";
			readonly message?: string;
			/** The record from history, when the task is no longer in memory. */
			readonly ended?: Task;
	  }
	| {
			readonly type: "worker.enrol";
			readonly replyTo: ReplyTo;
			readonly actor: Actor;
			readonly record: WorkerRecord;
			readonly tokenId?: string;
	  }
	| {
			readonly type: "worker.connect";
			readonly replyTo: ReplyTo;
			readonly worker: string;
			readonly session: string;
			readonly instance: string;
			readonly protocol: number;
			readonly offer: WorkerOffer;
	  }
	| { readonly type: "worker.offer"; readonly worker: string; readonly session: string; readonly offer: WorkerOffer }
	| {
			readonly type: "worker.sync";
			readonly worker: string;
			readonly session: string;
			readonly sequence: number;
			readonly assigned: number;
			readonly attempts: readonly { readonly task: string; readonly attempt: number; readonly state: "preparing" | "running" | "ended" }[];
			readonly pressure?: Pressure;
	  }
	| {
			readonly type: "worker.disconnect";
			readonly worker: string;
			readonly session: string /** A goodbye with nothing running: leases end now. */;
			readonly bye: boolean;
	  }
	| { readonly type: "worker.drain"; readonly replyTo: ReplyTo; readonly actor: Actor; readonly worker: string; readonly draining: boolean }
	| { readonly type: "worker.revoke"; readonly replyTo: ReplyTo; readonly actor: Actor; readonly worker: string }
	| ({ readonly type: "attempt.started" } & SessionAttempt)
	| ({ readonly type: "attempt.completed"; readonly report: AttemptReport } & SessionAttempt)
	| ({ readonly type: "attempt.declined"; readonly message: string } & SessionAttempt)
	| { readonly type: "token.create"; readonly replyTo: ReplyTo; readonly actor: Actor; readonly record: TokenRecord }
	| { readonly type: "token.revoke"; readonly replyTo: ReplyTo; readonly actor: Actor; readonly id: string }
	/** History holds these ended tasks durably, each as it ended then: they leave memory and the journal's live set. */
	| { readonly type: "history.holds"; readonly tasks: readonly HeldTask[] };

/**
 * One end of a task. A task that failed can be revived and end again; its attempt and its status together tell its
 * ends apart, whatever the clock says.
 */
export type HeldTask = Pick<TaskView, "id" | "attempt" | "status">;

export type EventOf<T extends Event["type"]> = Extract<Event, { type: T }>;
