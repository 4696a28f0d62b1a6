import type { Assign, FleetEvent, WireError } from "@covey/protocol";
import type { ReplyTo } from "./event.ts";

type Unsequenced<T> = T extends unknown ? Omit<T, "sequence"> : never;

/**
 * What the driver does once the commit that holds the change is durable, in this order. `assign.channel` is filled
 * by the link (it owns channels); everything else is complete.
 */
export type Effect =
	| { readonly type: "reply"; readonly to: ReplyTo; readonly value: Reply }
	| {
			readonly type: "assign";
			readonly session: string;
			readonly worker: string;
			readonly message: Omit<Assign, "type" | "channel">;
			/** It was sent before and may have arrived: there may be output of it. */
			readonly again: boolean;
	  }
	| {
			readonly type: "end";
			readonly session: string;
			readonly worker: string;
			readonly task: string;
			readonly attempt: number;
			readonly reason: EndReason;
			readonly graceMs: number;
	  }
	/** The report is on record (or never will be): the worker may forget the attempt. */
	| { readonly type: "settle"; readonly session: string; readonly worker: string; readonly task: string; readonly attempt: number }
	| {
			readonly type: "synced";
			readonly session: string;
			readonly worker: string;
			readonly sequence: number;
			readonly end: readonly { readonly task: string; readonly attempt: number; readonly reason: EndReason; readonly graceMs: number }[];
			readonly settled: readonly { readonly task: string; readonly attempt: number }[];
			readonly draining: boolean;
			/** Attempts that it rightly runs. The link adds channel and output offset. */
			readonly keep: readonly { readonly task: string; readonly attempt: number }[];
	  }
	| { readonly type: "drain"; readonly session: string; readonly worker: string; readonly draining: boolean }
	| { readonly type: "disconnect"; readonly session: string; readonly worker: string; readonly error: WireError }
	/** Readers, history and log keepers hear of it; the driver adds the journal's sequence. */
	| { readonly type: "notify"; readonly event: Unsequenced<FleetEvent> };

export type EndReason = "cancelled" | "superseded" | "worker_lost";

/** `ok` carries what the event promises: results of a submission, asks that nobody holds, or the id of the thing changed. */
export type Reply =
	| { readonly ok: true; readonly results?: readonly SubmitReply[]; readonly lost?: readonly string[]; readonly id?: string }
	| { readonly ok: false; readonly error: WireError };

export interface SubmitReply {
	readonly task: string;
	readonly ask: string;
	readonly merged: boolean;
	readonly deduplicated: boolean;
}
