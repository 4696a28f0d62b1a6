import { z } from "zod";
import { AuditEvent } from "./events.ts";
import { AskId, Namespace, ObjectId, RepositoryId, TaskId, Timestamp, WorkerName } from "./ids.ts";
import { wireLimits } from "./limits.ts";
import { Outcome } from "./outcome.ts";
import { Candidate, Placement, Tags, TaskStatus, TaskSubmission, TaskView } from "./task.ts";
import { Role, TokenKind, TokenRecordView } from "./tokens.ts";
import { WorkerView } from "./worker.ts";

/**
 * The client API as data: HTTP routes, WebSocket calls, the SDK's methods and the OpenAPI document all come from
 * this table. `path` parameters are fields of the input; the rest of a GET's input is its query, of a POST its body.
 */
const page = { limit: z.coerce.number().int().min(1).max(wireLimits.pageSizeMax).default(100), cursor: z.string().max(512).optional() };
const taskInput = z.object({ task: TaskId });
const workerInput = z.object({ worker: WorkerName });
const empty = z.object({});

export const SubmitResult = z.object({
	task: TaskId,
	ask: AskId,
	status: TaskStatus,
	/** Equal work was already in flight and answers this ask too. */
	merged: z.boolean(),
	/** The dedup key had been used: this is the earlier task. */
	deduplicated: z.boolean(),
});
export type SubmitResult = z.infer<typeof SubmitResult>;

/** Something that the coordinator listens with. */
export const ListenerStatus = z.object({
	/** `api`: everything; `workers`: nothing but the worker link; `git`: read-only git, for everybody. */
	purpose: z.enum(["api", "workers", "git"]),
	addresses: z.array(z.string()),
	up: z.boolean(),
	/** Why it is not up. */
	reason: z.string().optional(),
});
export type ListenerStatus = z.infer<typeof ListenerStatus>;

export const FleetStatus = z.object({
	version: z.string(),
	coordinator: z.string(),
	/** Key fingerprint that join tokens carry. */
	fingerprint: z.string(),
	url: z.string(),
	startedAt: Timestamp,
	state: z.enum(["ready", "draining", "read_only"]),
	/** Why it is not ready, in a sentence. */
	reason: z.string().optional(),
	workers: z.object({ connected: z.number(), disconnected: z.number(), draining: z.number() }),
	tasks: z.object({ pending: z.number(), claimed: z.number(), in_progress: z.number(), needs_human: z.number() }),
	slots: z.object({ total: z.number(), used: z.number() }),
	listeners: z.array(ListenerStatus).optional(),
});
export type FleetStatus = z.infer<typeof FleetStatus>;

/** Why a task waits, or why it ran where it did. */
export const Explanation = z.object({
	task: TaskId,
	status: TaskStatus,
	sentence: z.string(),
	ahead: z.number().int().min(0).optional(),
	candidates: z.array(Candidate),
	placements: z.array(Placement),
});
export type Explanation = z.infer<typeof Explanation>;

export const SnapshotOfferResult = z.object({
	have: z.boolean(),
	/** Commits of this repository that the coordinator has, newest first: pack against those you have too. */
	bases: z.array(ObjectId).max(32),
	/** Where to POST the pack. */
	upload: z.string(),
});

interface Operation<I extends z.ZodType, O extends z.ZodType> {
	readonly method: "GET" | "POST" | "DELETE";
	readonly path: string;
	/** Any of these roles will do; admin always does. */
	readonly roles: readonly Role[];
	readonly input: I;
	readonly output: O;
	readonly summary: string;
}
const operation = <I extends z.ZodType, O extends z.ZodType>(definition: Operation<I, O>): Operation<I, O> => definition;
const readers: readonly Role[] = ["read", "submit"];

export const operations = {
	"task.submit": operation({
		method: "POST",
		path: "/api/v1/tasks",
		roles: ["submit"],
		input: z.object({ submissions: z.array(TaskSubmission).min(1).max(wireLimits.batchMax) }),
		output: z.object({ results: z.array(SubmitResult) }),
		summary: "Submit tasks: all are accepted durably, or none",
	}),
	"task.list": operation({
		method: "GET",
		path: "/api/v1/tasks",
		roles: readers,
		input: z.object({
			...page,
			status: z.union([TaskStatus, z.array(TaskStatus)]).optional(),
			worker: WorkerName.optional(),
			namespace: Namespace.optional(),
			submitter: z.string().max(128).optional(),
			type: z.string().max(64).optional(),
			outcome: Outcome.optional(),
			text: z.string().max(256).optional(),
			since: z.coerce.number().int().optional(),
		}),
		output: z.object({ tasks: z.array(TaskView), next: z.string().optional() }),
		summary: "List tasks, newest first, live and ended",
	}),
	"task.get": operation({
		method: "GET",
		path: "/api/v1/tasks/{task}",
		roles: readers,
		input: taskInput,
		output: TaskView,
		summary: "Show one task",
	}),
	"task.wait": operation({
		method: "GET",
		path: "/api/v1/tasks/{task}/wait",
		roles: readers,
		input: z.object({ task: TaskId, timeoutMs: z.coerce.number().int().min(0).max(60_000).default(30_000) }),
		output: TaskView,
		summary: "Show one task when it has ended, or as it is after timeoutMs",
	}),
	"task.tail": operation({
		method: "GET",
		path: "/api/v1/tasks/{task}/tail",
		roles: readers,
		input: z.object({ task: TaskId, bytes: z.coerce.number().int().min(1).max(wireLimits.tailBytesMax).default(4096) }),
		/** `text` is the end of the last attempt's output, both streams as they came, with U+FFFD for what is no UTF-8; it ends at `offset`. */
		output: z.object({ attempt: z.number().int().min(0), offset: z.number().int().min(0), text: z.string() }),
		summary: "The end of a task's output as it is now",
	}),
	"task.cancel": operation({
		method: "POST",
		path: "/api/v1/tasks/{task}/cancel",
		roles: ["submit"],
		input: z.object({ task: TaskId, ask: AskId.optional(), force: z.boolean().default(false) }),
		output: TaskView,
		summary: "Cancel a task, or take back one ask of a merged one; force kills without grace",
	}),
	"task.hold": operation({
		method: "POST",
		path: "/api/v1/tasks/hold",
		roles: ["submit"],
		input: z.object({
			holds: z
				.array(z.object({ task: TaskId, ask: AskId }))
				.min(1)
				.max(wireLimits.batchMax),
		}),
		/** Asks that nobody holds any more: ended, taken back, or never held. */
		output: z.object({ lost: z.array(AskId) }),
		summary: "Say that the asker of these asks is still there",
	}),
	"task.resolve": operation({
		method: "POST",
		path: "/api/v1/tasks/{task}/resolve",
		roles: ["submit"],
		input: z.object({ task: TaskId, to: z.enum(["pending", "done", "failed", "cancelled"]), message: z.string().max(1024).optional() }),
		output: TaskView,
		summary: "A person decides: requeue, or end a task that needs one",
	}),
	"task.explain": operation({
		method: "GET",
		path: "/api/v1/tasks/{task}/why",
		roles: readers,
		input: taskInput,
		output: Explanation,
		summary: "Why it waits, or why it ran there",
	}),
	"worker.list": operation({
		method: "GET",
		path: "/api/v1/workers",
		roles: readers,
		input: empty,
		output: z.object({ workers: z.array(WorkerView) }),
		summary: "List workers",
	}),
	"worker.drain": operation({
		method: "POST",
		path: "/api/v1/workers/{worker}/drain",
		roles: ["admin"],
		input: z.object({ worker: WorkerName, draining: z.boolean().default(true) }),
		output: WorkerView,
		summary: "Take no new work (or take it again)",
	}),
	"worker.revoke": operation({
		method: "POST",
		path: "/api/v1/workers/{worker}/revoke",
		roles: ["admin"],
		input: workerInput,
		output: WorkerView,
		summary: "Refuse this worker's key from now on and close its sockets",
	}),
	"token.create": operation({
		method: "POST",
		path: "/api/v1/tokens",
		roles: ["admin"],
		input: z.object({
			kind: TokenKind,
			roles: z.array(Role).max(5).default([]),
			namespaces: z.array(Namespace).max(64).default([]),
			label: z.string().max(128).default(""),
			ttlMs: z.number().int().min(1000).optional(),
			uses: z.number().int().min(1).max(1000).default(1),
			name: WorkerName.optional(),
			tags: Tags.default({}),
			worktree: z.string().max(wireLimits.pathLengthMax).startsWith("/", "an absolute path on the coordinator's machine").optional(),
		}),
		output: z.object({ token: z.string(), record: TokenRecordView }),
		summary: "Create a token; its secret is shown this once",
	}),
	"token.list": operation({
		method: "GET",
		path: "/api/v1/tokens",
		roles: ["admin"],
		input: empty,
		output: z.object({ tokens: z.array(TokenRecordView) }),
		summary: "List tokens, without secrets",
	}),
	"token.revoke": operation({
		method: "DELETE",
		path: "/api/v1/tokens/{id}",
		roles: ["admin"],
		input: z.object({ id: z.string().max(64) }),
		output: TokenRecordView,
		summary: "Revoke a token",
	}),
	"snapshot.offer": operation({
		method: "POST",
		path: "/api/v1/repositories/{repository}/snapshots",
		roles: ["submit"],
		input: z.object({
			repository: RepositoryId,
			namespace: Namespace.default("default"),
			tree: ObjectId,
			commit: ObjectId,
			/** Taken if the snapshot is complete with it; else it is as if it had not been sent. In base64, with the commits it is packed against. */
			pack: z.object({ bases: z.array(ObjectId).max(2), content: z.base64().max(wireLimits.offeredPackLengthMax) }).optional(),
		}),
		output: SnapshotOfferResult,
		summary: "Ask whether a snapshot is here already, and against what to pack it",
	}),
	"fleet.status": operation({
		method: "GET",
		path: "/api/v1/status",
		roles: readers,
		input: empty,
		output: FleetStatus,
		summary: "The fleet in one document",
	}),
	"fleet.drain": operation({
		method: "POST",
		path: "/api/v1/drain",
		roles: ["admin"],
		input: empty,
		output: z.object({}),
		summary: "Take no new tasks from now on, until the coordinator is started again",
	}),
	"audit.list": operation({
		method: "GET",
		path: "/api/v1/audit",
		roles: ["admin"],
		input: z.object(page),
		output: z.object({ entries: z.array(AuditEvent), next: z.string().optional() }),
		summary: "Who changed what, newest first",
	}),
	"history.rebuild": operation({
		method: "POST",
		path: "/api/v1/history/rebuild",
		roles: ["admin"],
		input: empty,
		output: z.object({ tasks: z.number(), durationMs: z.number() }),
		summary: "Rebuild the history from the journal",
	}),
} as const;

export type OperationName = keyof typeof operations;
export type OperationInput<N extends OperationName> = z.input<(typeof operations)[N]["input"]>;
export type OperationRequest<N extends OperationName> = z.output<(typeof operations)[N]["input"]>;
export type OperationOutput<N extends OperationName> = z.output<(typeof operations)[N]["output"]>;

export const LogQuery = z.object({
	task: TaskId,
	attempt: z.coerce.number().int().min(1).optional(),
	offset: z.coerce.number().int().min(0).default(0),
	follow: z.coerce.boolean().default(false),
});
