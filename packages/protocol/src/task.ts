import { z } from "zod";
import {
	AskId,
	AttemptNumber,
	Capability,
	Digest,
	DurationMs,
	Namespace,
	ObjectId,
	RepositoryId,
	TaskId,
	Timestamp,
	WorkerName,
} from "./ids.ts";
import { Json } from "./json.ts";
import { wireLimits } from "./limits.ts";
import { Outcome } from "./outcome.ts";

export const TaskStatus = z.enum(["pending", "claimed", "in_progress", "done", "failed", "needs_human", "cancelled"]);
export type TaskStatus = z.infer<typeof TaskStatus>;

export const Tags = z
	.record(z.string().regex(/^[a-z0-9][a-z0-9._/-]{0,62}$/), z.string().max(128))
	.refine((tags) => Object.keys(tags).length <= wireLimits.tagsMax, `at most ${wireLimits.tagsMax} tags`);
export type Tags = z.infer<typeof Tags>;

/** 0 process group, 1 resource limits, 2 filesystem sandbox, 3 another user. */
export const IsolationLevel = z.number().int().min(0).max(3);

/** What a worker must be or have. An absent field asks for nothing. */
export const Constraints = z.object({
	machine: WorkerName.optional(),
	tags: Tags.default({}),
	capabilities: z.array(Capability).max(wireLimits.capabilitiesMax).default([]),
	os: z.string().max(32).optional(),
	arch: z.string().max(32).optional(),
	slots: z.number().int().min(1).max(64).default(1),
	memoryBytes: z.number().int().min(0).optional(),
	isolation: IsolationLevel.default(0),
});
export type Constraints = z.infer<typeof Constraints>;

/** The wish for one machine: waits at most `spillMs` for it while it is connected but busy, then goes anywhere. */
export const Preference = z.object({ machine: WorkerName, spillMs: DurationMs.default(10_000) });

/** May the coordinator's own embedded worker take it? `after` counts while other eligible workers are only busy; with none connected it falls back at once. */
export const Fallback = z.union([z.literal("never"), z.literal("always"), z.object({ afterMs: DurationMs })]);
export type Fallback = z.infer<typeof Fallback>;

export const RetryPolicy = z.object({
	/** Further attempts after the first, for infrastructure outcomes only. */
	limit: z.number().int().min(0).max(16).default(2),
	/** Of `worker_lost` it is `onWorkerLost` that says whether there is another. */
	outcomes: z.array(Outcome).default(["out_of_memory", "bad_environment"]),
	backoffMs: DurationMs.default(1000),
	backoffMaxMs: DurationMs.default(60_000),
});

export const Policies = z.object({
	timeoutMs: DurationMs.optional(),
	silentTimeoutMs: DurationMs.optional(),
	graceMs: DurationMs.default(5000),
	retry: RetryPolicy.prefault({}),
	onWorkerLost: z.enum(["requeue", "needs_human", "fail"]).default("requeue"),
	fallback: Fallback.default({ afterMs: 10_000 }),
	/** What to do when no known worker meets the constraints: refuse the submission, or wait for one. */
	unmatched: z.enum(["refuse", "wait"]).default("wait"),
});
export type Policies = z.infer<typeof Policies>;

/** The exact state of a worktree. `commit` has no parent and is a function of `tree`, so equal trees are equal commits. */
export const SnapshotReference = z.object({
	repository: RepositoryId,
	tree: ObjectId,
	commit: ObjectId,
});
export type SnapshotReference = z.infer<typeof SnapshotReference>;

/** A path inside the worktree, with forward slashes; checked again by the worker. */
export const RelativePath = z
	.string()
	.min(1)
	.max(wireLimits.pathLengthMax)
	.refine(
		(path) => !path.startsWith("/") && !path.includes("\0") && !path.split("/").includes(".."),
		"a relative path that stays inside the worktree",
	);

/** What brings the tools of a worktree: `auto` takes the first of the others that the tree asks for and the worker has. */
export const EnvironmentKind = z.enum(["auto", "nix", "devbox", "mise", "direnv", "plain"]);
export type EnvironmentKind = z.infer<typeof EnvironmentKind>;

/** What an asker means by a command and who can read its log. The fleet carries it and makes nothing of it. */
export const Purpose = z.object({
	verb: z.string().max(32),
	parser: z.string().max(32),
	/** Only tests whose name matches were wanted. */
	filter: z.string().max(256).optional(),
	/** The command as a developer would type it, and what in the project says that the verb means that. */
	ran: z.string().max(512).optional(),
	because: z.string().max(512).optional(),
});
export type Purpose = z.infer<typeof Purpose>;

/** Payload of the task type `run`. */
export const RunPayload = z.object({
	/** Program and arguments; run as they are, without a shell. */
	command: z
		.array(z.string().refine((argument) => !argument.includes("\0"), "an argument holds no NUL"))
		.min(1)
		.max(wireLimits.commandArgumentsMax)
		.refine(
			(command) => command.reduce((sum, argument) => sum + argument.length, 0) <= wireLimits.commandBytesMax,
			"the command is too long",
		),
	/** Absent: runs in an empty directory. */
	snapshot: SnapshotReference.optional(),
	/** Where in the worktree it starts. */
	directory: RelativePath.optional(),
	environment: z.record(z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/), z.string().max(wireLimits.environmentValueBytesMax)).default({}),
	/** Paths to bring back as artifacts when it passes or fails. */
	pull: z.array(RelativePath).max(wireLimits.pullPathsMax).default([]),
	/** Drop ignored files (build outputs) that earlier runs left in the warm worktree. */
	clean: z.boolean().default(false),
	/** Bring back what the command changed in the worktree, as the artifact `wireLimits.patchPath`: a git patch against the snapshot's tree. */
	patch: z.boolean().default(false),
	environmentKind: EnvironmentKind.default("auto"),
	/** For the set-up of the environment alone; the command's own timeout counts from its start. */
	environmentTimeoutMs: DurationMs.default(120_000),
	purpose: Purpose.optional(),
});
export type RunPayload = z.infer<typeof RunPayload>;

/** What a client asks for. The coordinator adds ids, the submitter and the time. */
export const TaskSubmission = z.object({
	type: Capability.default("run"),
	namespace: Namespace.default("default"),
	payload: Json,
	/** What a person calls it; the command by default. */
	title: z.string().max(256).optional(),
	constraints: Constraints.prefault({}),
	prefer: Preference.optional(),
	priority: z.number().int().min(-100).max(100).default(0),
	policies: Policies.prefault({}),
	/** A repeated submission with this key finds the first one's task, also after it ended (24 hours). */
	dedupKey: z.string().max(wireLimits.keyLengthMax).optional(),
	/** A newer submission with this key ends older ones as `superseded`. */
	supersedeKey: z.string().max(wireLimits.keyLengthMax).optional(),
	/** Equal work in flight (same key) runs once and answers all who asked, as urgently as the most urgent of them wants. */
	mergeKey: z.string().max(wireLimits.keyLengthMax).optional(),
	notBefore: Timestamp.optional(),
	/** The ask is taken back when its asker has not said for so long that it is still there; see `task.hold`. */
	holdMs: z.number().int().min(wireLimits.holdMsMin).max(wireLimits.holdMsMax).optional(),
});
export type TaskSubmission = z.infer<typeof TaskSubmission>;
export type TaskSubmissionInput = z.input<typeof TaskSubmission>;

/** What the operating system said of the process. Facts only; the outcome is the judgement. */
export const ProcessFacts = z.object({
	exitCode: z.number().int().nullable(),
	signal: z.string().max(32).nullable(),
	timedOut: z.boolean().default(false),
	cancelled: z.boolean().default(false),
	forceKilled: z.boolean().default(false),
	durationMs: z.number().min(0),
	/** Processes that were still alive after the main one ended and were killed. */
	leftovers: z.number().int().min(0).default(0),
	memoryPeakBytes: z.number().int().min(0).optional(),
});
export type ProcessFacts = z.infer<typeof ProcessFacts>;

export const ArtifactReference = z.object({
	path: RelativePath,
	digest: Digest,
	bytes: z.number().int().min(0),
	/** `file` keeps its mode; `directory` is a tar archive. */
	kind: z.enum(["file", "directory"]),
	mode: z.number().int().min(0).max(0o777).default(0o644),
});
export type ArtifactReference = z.infer<typeof ArtifactReference>;

/** What a worker says of an attempt that ended. */
export const AttemptReport = z.object({
	outcome: Outcome,
	/** One sentence for a person, where the outcome needs one. */
	message: z.string().max(wireLimits.messageTextMax).optional(),
	facts: ProcessFacts.optional(),
	/** The tree that the worker recomputed before the start. */
	tree: ObjectId.optional(),
	isolation: IsolationLevel.optional(),
	/** What brought its tools: `plain`, `nix`, `devbox`, `mise`, `direnv`. */
	environment: z.string().max(32).optional(),
	artifacts: z.array(ArtifactReference).max(wireLimits.artifactsMax).default([]),
	/** Artifacts asked for and not found. */
	missing: z.array(z.string().max(wireLimits.pathLengthMax)).max(wireLimits.pullPathsMax).default([]),
	/** Output in bytes, both streams together; what was dropped over the cap is counted too. */
	outputBytes: z.number().int().min(0).default(0),
	outputDroppedBytes: z.number().int().min(0).default(0),
	/** Milliseconds by phase: transfer, checkout, environment, command, artifacts. */
	timings: z.record(z.string().max(32), z.number().min(0)).default({}),
});
export type AttemptReport = z.infer<typeof AttemptReport>;

export const Attempt = z.object({
	number: AttemptNumber,
	worker: WorkerName,
	claimedAt: Timestamp,
	startedAt: Timestamp.optional(),
	endedAt: Timestamp.optional(),
	report: AttemptReport.optional(),
});
export type Attempt = z.infer<typeof Attempt>;

/** Why a worker was or was not chosen; see `covey why`. */
export const Candidate = z.object({
	worker: WorkerName,
	/** Higher is better; absent when excluded. */
	bid: z.number().optional(),
	/** The constraint that left it out, with the value wanted and the value seen. */
	excluded: z.string().max(512).optional(),
});
export type Candidate = z.infer<typeof Candidate>;
export const Placement = z.object({
	at: Timestamp,
	attempt: AttemptNumber,
	worker: WorkerName,
	waitedMs: z.number().min(0),
	because: z.enum(["only", "warm", "free", "preferred", "targeted", "fallback"]),
	sentence: z.string().max(512),
	candidates: z.array(Candidate).max(16),
	workersKnown: z.number().int().min(0),
});
export type Placement = z.infer<typeof Placement>;

export const Ask = z.object({
	id: AskId,
	submitter: z.string().max(128),
	at: Timestamp,
	supersedeKey: z.string().max(wireLimits.keyLengthMax).optional(),
	/** Taken back when its asker has been silent for so long. */
	holdMs: z.number().int().optional(),
});
export type Ask = z.infer<typeof Ask>;

/** A task as every reader sees it. */
export const TaskView = z.object({
	id: TaskId,
	type: Capability,
	namespace: Namespace,
	title: z.string(),
	status: TaskStatus,
	submitter: z.string(),
	priority: z.number().int(),
	createdAt: Timestamp,
	updatedAt: Timestamp,
	endedAt: Timestamp.optional(),
	outcome: Outcome.optional(),
	exitCode: z.number().int().nullable().optional(),
	message: z.string().optional(),
	submission: TaskSubmission,
	asks: z.array(Ask),
	attempt: z.number().int().min(0),
	attempts: z.array(Attempt),
	placement: Placement.optional(),
	cancelRequested: z.boolean(),
});
export type TaskView = z.infer<typeof TaskView>;

export function isEnded(status: TaskStatus): boolean {
	return status === "done" || status === "failed" || status === "cancelled";
}

/** Its current attempt is, as far as is known, on a worker: more output may come of it. */
export function isUnderWay(status: TaskStatus): boolean {
	return status === "claimed" || status === "in_progress";
}
