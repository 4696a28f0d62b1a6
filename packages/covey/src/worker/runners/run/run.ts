import { mkdir, mkdtemp } from "node:fs/promises";
import { join } from "node:path";
import { type ArtifactReference, type Assign, type AttemptReport, CoveyError, type Outcome, RunPayload } from "@covey/protocol";
import { attemptKey } from "@covey/protocol/ids";
import { wireLimits } from "@covey/protocol/limits";
import type { ResourceLimits } from "#host/process/control-group.ts";
import type { AttemptIo, EndOfAttempt, Runner } from "#ports/runner.ts";
import type { Entered, Environments } from "#worker/environments/environments.ts";
import { removeDirectory } from "#worker/executor/directory.ts";
import type { ExecuteRequest, Execution, Executor } from "#worker/executor/execute.ts";
import type { WorktreePool } from "#worker/worktrees/pool.ts";
import { bringBack, storePatch } from "./artifacts.ts";
import type { Coordinator } from "./coordinator.ts";
import { fetchPack } from "./pack.ts";

export interface RunRunnerOptions {
	readonly executor: Executor;
	readonly worktrees: WorktreePool;
	readonly environments: Environments;
	/** For empty directories and archives of artifacts. */
	readonly directory: string;
	readonly coordinator: () => Coordinator;
	/** Of every attempt; `constraints.memoryBytes` of a task outranks that of here. */
	readonly limits: ResourceLimits;
	/** The isolation level that every attempt gets at least. */
	readonly isolation: number;
}

/** Where a command runs. */
interface Place extends AsyncDisposable {
	readonly root: string;
	readonly tree?: string;
	/** Namespace and repository of the tree. */
	readonly scope?: string;
	readonly changes?: (signal: AbortSignal) => Promise<Buffer>;
	readonly timings: Readonly<Record<string, number>>;
}

/** Task type `run`: one command in the exact tree of its snapshot, or in an empty directory of its own. */
export function createRunRunner(options: RunRunnerOptions): Runner {
	return {
		type: "run",
		async run(assign, io, signal) {
			const payload = RunPayload.safeParse(assign.payload);
			if (!payload.success) return report("refused", `the payload is not one of a run: ${payload.error.issues[0]?.message}`);
			try {
				await using place = await prepare(options, assign, payload.data, signal);
				signal.throwIfAborted();
				return await runIn(options, place, assign, payload.data, io, signal);
			} catch (error) {
				if (signal.aborted) return report((signal.reason as EndOfAttempt).reason, "it ended before its command was started");
				return report(outcomeOf(error), error instanceof Error ? error.message : String(error));
			}
		},
	};
}

async function runIn(
	options: RunRunnerOptions,
	place: Place,
	assign: Assign,
	payload: RunPayload,
	io: AttemptIo,
	signal: AbortSignal,
): Promise<AttemptReport> {
	const request = requestOf(options, place, assign, payload);
	const preparing = performance.now();
	using entered = await enter(options, place, payload, request, signal);
	if (entered?.note !== undefined) await io.note(entered.note);
	const began = performance.now();
	io.started();
	const { command, environment } = entered ?? request;
	const execution = await options.executor.execute({ ...request, command, environment }, (stream, data) => io.write(stream, data), signal);
	const timings = { ...place.timings, environment: began - preparing, command: performance.now() - began };
	const base = {
		...reportOf(execution),
		...(place.tree !== undefined && { tree: place.tree }),
		...(entered && { environment: entered.name }),
	};
	const nothingWanted = payload.pull.length === 0 && !payload.patch;
	if (nothingWanted || (execution.outcome !== "passed" && execution.outcome !== "failed")) return { ...base, timings };
	const pulling = performance.now();
	const patch = payload.patch && place.changes ? await bringPatch(options, place.changes, io, signal) : [];
	const brought = await bringBack(options, place.root, payload.pull, signal);
	if (brought.problem !== undefined) await io.note(brought.problem);
	return {
		...base,
		artifacts: [...patch, ...brought.artifacts],
		missing: [...brought.missing],
		timings: { ...timings, artifacts: performance.now() - pulling },
	};
}

/** The result of the command stands, whatever becomes of its patch. */
async function bringPatch(
	{ coordinator }: RunRunnerOptions,
	changes: NonNullable<Place["changes"]>,
	io: AttemptIo,
	signal: AbortSignal,
): Promise<ArtifactReference[]> {
	try {
		return [await storePatch(coordinator, await changes(signal), signal)];
	} catch (error) {
		await io.note(`the patch of what it changed did not come back: ${error instanceof Error ? error.message : String(error)}`);
		return [];
	}
}

function requestOf({ isolation, limits }: RunRunnerOptions, place: Place, assign: Assign, payload: RunPayload): ExecuteRequest {
	const { timeoutMs, silentTimeoutMs, graceMs } = assign.policies;
	const { memoryBytes } = assign.constraints;
	return {
		attemptKey: attemptKey(assign.task, assign.attempt),
		command: payload.command,
		cwd: payload.directory === undefined ? place.root : join(place.root, payload.directory),
		environment: payload.environment,
		isolation: Math.max(isolation, assign.constraints.isolation),
		writable: [place.root],
		graceMs,
		...(timeoutMs !== undefined && { timeoutMs }),
		...(silentTimeoutMs !== undefined && { silentTimeoutMs }),
		limits: { ...limits, ...(memoryBytes !== undefined && { memoryBytes }) },
	};
}

/** What brings the tools of the tree; a run without one has those of the machine. */
async function enter(
	{ environments }: RunRunnerOptions,
	{ root, scope }: Place,
	{ environmentKind: kind, environmentTimeoutMs: timeoutMs }: RunPayload,
	request: ExecuteRequest,
	signal: AbortSignal,
): Promise<Entered | undefined> {
	return scope === undefined ? undefined : environments.enter({ kind, root, scope, timeoutMs, request, signal });
}

async function prepare(options: RunRunnerOptions, assign: Assign, payload: RunPayload, signal: AbortSignal): Promise<Place> {
	const { snapshot, clean } = payload;
	if (snapshot === undefined) return emptyPlace(join(options.directory, "empty"));
	const { repository, commit, tree } = snapshot;
	const worktree = await options.worktrees.acquire({
		namespace: assign.namespace,
		repository,
		commit,
		tree,
		clean,
		fetchPack: (have, fetchSignal) =>
			fetchPack(options.coordinator(), { namespace: assign.namespace, repository, commit, have }, fetchSignal),
		signal,
	});
	const { transfer, checkout, prove } = worktree.timings;
	return {
		root: worktree.root,
		tree: worktree.tree,
		scope: `${assign.namespace}/${repository}`,
		changes: worktree.changes,
		timings: { transfer, checkout: checkout + prove },
		// It never rejects, and the report need not wait for what is tidied up behind it.
		[Symbol.asyncDispose]: async () => void worktree.release(),
	};
}

async function emptyPlace(parent: string): Promise<Place> {
	const root = await mkdtemp(join(parent, "run-")).catch(async () => {
		await mkdir(parent, { recursive: true, mode: 0o700 });
		return mkdtemp(join(parent, "run-"));
	});
	return { root, timings: {}, [Symbol.asyncDispose]: () => removeDirectory(root) };
}

function reportOf({ outcome, message, facts, isolation }: Execution): AttemptReport {
	return {
		...report(outcome, message),
		isolation,
		...(facts !== undefined && { facts: { ...facts, durationMs: Math.max(0, facts.durationMs) } }),
	};
}

function report(outcome: Outcome, message?: string): AttemptReport {
	return {
		outcome,
		...(message !== undefined && { message: message.slice(0, wireLimits.messageTextMax) }),
		artifacts: [],
		missing: [],
		outputBytes: 0,
		outputDroppedBytes: 0,
		timings: {},
	};
}

/** What cannot be had of a snapshot, and what is wrong with this machine or its link, are told apart. */
function outcomeOf(error: unknown): Outcome {
	const snapshotCodes: readonly string[] = ["bad_snapshot", "bad_request", "not_found", "too_large"];
	return error instanceof CoveyError && snapshotCodes.includes(error.code) ? "bad_snapshot" : "bad_environment";
}
