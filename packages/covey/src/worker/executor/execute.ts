import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Outcome, ProcessFacts } from "@covey/protocol";
import { StartError } from "#host/process/command.ts";
import {
	type ControlGroup,
	type ControlGroups,
	createControlGroup,
	limitControlGroup,
	type ResourceLimits,
} from "#host/process/control-group.ts";
import type { Isolation } from "#host/process/isolation.ts";
import type { OutputSink } from "#host/process/output.ts";
import { withoutLoader, withSandbox } from "#host/process/sandbox.ts";
import { createSpares, type Spare, type Spares, suitsSpare } from "#host/process/spare.ts";
import { type ProcessResult, startProcess } from "#host/process/start.ts";
import { findProcess } from "#host/process/table.ts";
import type { EndOfAttempt } from "#ports/runner.ts";
import { removeDirectory } from "./directory.ts";
import { attemptMark, jobEnvironment } from "./environment.ts";
import { judge } from "./outcome.ts";
import { type RunningRecord, removeRecord, writeRecord } from "./record.ts";

export interface ExecutorOptions {
	readonly worker: string;
	/** Where running attempts are recorded. */
	readonly stateDirectory: string;
	/** The worker's own environment, of which jobs get a few. */
	readonly environment: Readonly<Record<string, string | undefined>>;
	/** From `findControlGroups()`, once per worker. */
	readonly controlGroups: ControlGroups | undefined;
	/** The highest level this machine can give, from `probeIsolation()`. Absent: no sandbox. */
	readonly isolation?: Isolation;
	/** Processes kept ready, so that jobs start at once. Default 0. */
	readonly spares?: number;
	/** What a sandboxed job must not read: keys, the worker's state. */
	readonly hidden?: readonly string[];
}

export interface ExecuteRequest {
	readonly attemptKey: string;
	readonly command: readonly string[];
	readonly cwd: string;
	/** What the task declares. */
	readonly environment: Readonly<Record<string, string>>;
	readonly timeoutMs?: number;
	readonly silentTimeoutMs?: number;
	readonly graceMs: number;
	readonly limits: ResourceLimits;
	/** The level asked for; at 2 it runs in a sandbox. More than the machine can give is refused. */
	readonly isolation?: number;
	/** In a sandbox: what it may change beside its temporary directory. Its `cwd` by default. */
	readonly writable?: readonly string[];
}

/** How it ended. `facts` is absent when nothing was started. */
export interface Execution {
	readonly outcome: Outcome;
	readonly message?: string;
	readonly facts?: ProcessFacts;
	/** The level that was really in force. */
	readonly isolation: number;
	readonly outputBytes: number;
}

export interface Executor extends AsyncDisposable {
	/**
	 * Runs a command to its end and to the end of everything it started. Never rejects for what the command does.
	 * When `signal` aborts (its reason is an `EndOfAttempt`) it ends the tree first.
	 */
	execute(request: ExecuteRequest, sink: OutputSink, signal: AbortSignal): Promise<Execution>;
}

export function createExecutor(options: ExecutorOptions): Executor {
	const { controlGroups, spares: count = 0 } = options;
	const groups: Groups = {
		spares: controlGroups && count > 0 ? createSpares(controlGroups, count, jobNice) : undefined,
		removing: new Set(),
	};
	return {
		execute: (request, sink, signal) => execute(options, groups, request, sink, signal),
		async [Symbol.asyncDispose]() {
			await groups.spares?.[Symbol.asyncDispose]();
			await Promise.all(groups.removing);
		},
	};
}

/** Control groups before and after an attempt has them. */
interface Groups {
	readonly spares: Spares | undefined;
	readonly removing: Set<Promise<void>>;
}

/** Jobs give way to the worker's own loop, so that its link lives under any load. */
const jobNice = 10;

async function execute(
	options: ExecutorOptions,
	groups: Groups,
	request: ExecuteRequest,
	sink: OutputSink,
	signal: AbortSignal,
): Promise<Execution> {
	const asked = request.isolation ?? 0;
	const offered = options.isolation?.level ?? 1;
	if (asked > offered)
		return { outcome: "refused", message: `isolation level ${asked} was asked for; this worker gives ${offered}`, ...nothing };
	const temporaryDirectory = mkdtempSync(join(tmpdir(), "covey-"));
	const mark = attemptMark(request.attemptKey);
	let held: ReturnType<typeof openGroup> = {};
	let survivors: readonly number[] = [];
	try {
		held = openGroup(options, groups.spares, request);
		const { group, spare } = held;
		const record: RunningRecord = {
			attempt: request.attemptKey,
			owner: process.pid,
			mark,
			temporaryDirectory,
			...(group && { controlGroup: group.path }),
		};
		writeRecord(options.stateDirectory, record);
		const environment = jobEnvironment({
			own: options.environment,
			declared: request.environment,
			attemptKey: request.attemptKey,
			worker: options.worker,
			cwd: request.cwd,
			temporaryDirectory,
		});
		const parted = asked >= 2 ? withoutLoader(environment) : { environment, loader: {} };
		const writable = [...(request.writable ?? [request.cwd]), temporaryDirectory];
		const sandbox = { writable, hidden: options.hidden ?? [], loader: parted.loader };
		const running = await startProcess({
			...request,
			...(asked >= 2 && { wrapped: withSandbox(request.command, request.cwd, sandbox) }),
			environment: parted.environment,
			mark,
			watched: request.limits,
			nice: jobNice,
			sink,
			...(group && { controlGroup: group }),
			...(spare && { spare }),
		});
		if (group === undefined) noteProcess(options.stateDirectory, record, running.pid);
		const end = () => {
			const order = signal.reason as EndOfAttempt;
			running.end("cancel", order.hurry?.aborted ? 0 : order.graceMs);
			order.hurry?.addEventListener("abort", () => running.end("cancel", 0), { once: true });
		};
		signal.addEventListener("abort", end, { once: true });
		if (signal.aborted) end();
		const result = await running.result;
		signal.removeEventListener("abort", end);
		survivors = result.survivors;
		return describe(request, result, signal);
	} catch (error) {
		return refused(error);
	} finally {
		await held.spare?.[Symbol.asyncDispose]();
		await removeDirectory(temporaryDirectory);
		if (held.group !== undefined && !held.group.populated) removeBehind(groups, held.group);
		// What could not be killed now is for the next sweep, which finds it by this record.
		if (survivors.length === 0) removeRecord(options.stateDirectory, request.attemptKey);
	}
}

/** Never throws, as on a full disk: the process runs already, and by the mark in its first record it is found too. */
function noteProcess(stateDirectory: string, record: RunningRecord, pid: number): void {
	try {
		writeRecord(stateDirectory, { ...record, process: { pid, startedAt: findProcess(pid)?.startedAt ?? 0 } });
	} catch {
		// The first record stays as it is.
	}
}

/** Nobody waits for it: the kernel may take its time. */
function removeBehind({ removing }: Groups, group: ControlGroup): void {
	const removal = group.removeSoon().finally(() => removing.delete(removal));
	removing.add(removal);
}

/** A group for the attempt: that of a process made ahead, where one is ready and can become the command. */
function openGroup(
	{ controlGroups }: ExecutorOptions,
	spares: Spares | undefined,
	request: ExecuteRequest,
): { readonly group?: ControlGroup; readonly spare?: Spare } {
	if (controlGroups === undefined) return {};
	const spare = suitsSpare(request.command, request.environment) ? spares?.take() : undefined;
	if (spare === undefined) return { group: createControlGroup(controlGroups, `${request.attemptKey}-${process.pid}`, request.limits) };
	limitControlGroup(controlGroups, spare.controlGroup.path, request.limits);
	return { group: spare.controlGroup, spare };
}

function describe(request: ExecuteRequest, result: ProcessResult, signal: AbortSignal): Execution {
	const reason = signal.aborted ? (signal.reason as EndOfAttempt).reason : undefined;
	return {
		...judge(result, reason, { ...request, ...request.limits }),
		facts: result.facts,
		isolation: levelOf(request),
		outputBytes: result.outputBytes,
	};
}

/** What was in force, whatever could have been. */
function levelOf({ isolation = 0, limits }: ExecuteRequest): number {
	if (isolation >= 2) return 2;
	return process.platform === "linux" && Object.keys(limits).length > 0 ? 1 : 0;
}

const nothing = { isolation: 0, outputBytes: 0 };

/** A command that is not there has failed, with the code that a shell gives; a machine that cannot start one is a bad environment. */
function refused(error: unknown): Execution {
	if (!(error instanceof StartError)) throw error;
	if (error.exitCode === undefined) return { outcome: "bad_environment", message: error.message, ...nothing };
	const facts = {
		exitCode: error.exitCode,
		signal: null,
		timedOut: false,
		cancelled: false,
		forceKilled: false,
		durationMs: 0,
		leftovers: 0,
	};
	return { outcome: "failed", message: error.message, facts, ...nothing };
}
