import { z } from "zod";
import { FleetEvent } from "./events.ts";
import { TaskId } from "./ids.ts";
import { Json } from "./json.ts";
import { wireLimits } from "./limits.ts";
import { TaskView } from "./task.ts";
import { VersionRange } from "./version.ts";
import { WireError } from "./wire-error.ts";

/**
 * The client socket at `/api/v1/socket`: the operations of `operations.ts` as calls with an id, several in flight
 * and answered in any order, and subscriptions. Output comes as binary frames (`frames.ts`) whose channel is the
 * subscription's id. A reader grants credit in bytes and gets no more than that, so a stalled reader costs nothing.
 */
const id = z.number().int().min(1).max(0xffff_ffff);

export const SocketCall = z.object({ type: z.literal("call"), id, operation: z.string().max(64), input: Json });
/** Follow a task: its view at once and at each change, and its output from `offset` when `output` is true. */
export const SocketFollow = z.object({
	type: z.literal("follow"),
	id,
	task: TaskId,
	output: z.boolean().default(true),
	/** Output of this attempt only; absent: of the current one, going on to later ones. */
	attempt: z.number().int().min(1).optional(),
	offset: z.number().int().min(0).default(0),
	creditBytes: z
		.number()
		.int()
		.min(0)
		.default(4 * 1024 * 1024),
});
/** The fleet's events after `sequence`; absent: from now on. */
export const SocketEvents = z.object({ type: z.literal("events"), id, sequence: z.number().int().min(0).optional() });
export const SocketCredit = z.object({ type: z.literal("credit"), id, bytes: z.number().int().min(1) });
export const SocketClose = z.object({ type: z.literal("close"), id });

export const FromClient = z.discriminatedUnion("type", [SocketCall, SocketFollow, SocketEvents, SocketCredit, SocketClose]);
export type FromClient = z.infer<typeof FromClient>;

export const ToClient = z.discriminatedUnion("type", [
	z.object({ type: z.literal("welcome"), protocol: VersionRange, version: z.string(), coordinator: z.string() }),
	z.object({ type: z.literal("result"), id, output: Json }),
	z.object({ type: z.literal("error"), id, error: WireError }),
	/** A followed task as it is now. `ended` comes once, after the last output byte of its last attempt. */
	z.object({ type: z.literal("task"), id, task: TaskView, ended: z.boolean() }),
	/** Output of a new attempt follows; offsets start again from 0. */
	z.object({ type: z.literal("attempt"), id, attempt: z.number().int().min(1) }),
	z.object({ type: z.literal("event"), id, event: FleetEvent }),
	z.object({ type: z.literal("closed"), id, error: WireError.optional() }),
]);
export type ToClient = z.infer<typeof ToClient>;

export const socketLimits = {
	callsInFlightMax: 4096,
	subscriptionsMax: 1024,
	creditBytesMax: 64 * 1024 * 1024,
	messageBytesMax: wireLimits.messageBytesMax,
} as const;
