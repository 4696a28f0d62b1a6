import { z } from "zod";
import { AttemptNumber, Namespace, TaskId, Timestamp, WorkerName } from "./ids.ts";
import { Outcome } from "./outcome.ts";
import { TaskStatus } from "./task.ts";
import { WorkerStatus } from "./worker.ts";

/**
 * What happened in the fleet, told only after the commit that holds it. `sequence` is the journal's, so a reader
 * resumes after the last one it saw; several events may share one.
 */
const at = { sequence: z.number().int().min(0), at: Timestamp };
export const TaskEvent = z.object({
	...at,
	type: z.literal("task"),
	task: TaskId,
	namespace: Namespace,
	status: TaskStatus,
	attempt: z.number().int().min(0),
	worker: WorkerName.optional(),
	outcome: Outcome.optional(),
	exitCode: z.number().int().nullable().optional(),
	message: z.string().optional(),
});
export type TaskEvent = z.infer<typeof TaskEvent>;
export const WorkerEvent = z.object({
	...at,
	type: z.literal("worker"),
	worker: WorkerName,
	status: WorkerStatus,
	draining: z.boolean(),
	revoked: z.boolean(),
});
export const AuditEvent = z.object({
	...at,
	type: z.literal("audit"),
	actor: z.string(),
	action: z.string(),
	subject: z.string(),
	detail: z.string().optional(),
	attempt: AttemptNumber.optional(),
});
export type AuditEvent = z.infer<typeof AuditEvent>;
export const FleetEvent = z.discriminatedUnion("type", [TaskEvent, WorkerEvent, AuditEvent]);
export type FleetEvent = z.infer<typeof FleetEvent>;
