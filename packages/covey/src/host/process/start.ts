import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync } from "node:fs";
import { setPriority } from "node:os";
import type { Readable } from "node:stream";
import { setTimeout as delay } from "node:timers/promises";
import type { ProcessFacts } from "@covey/protocol";
import { deferred } from "#kit/deferred.ts";
import { findCommand, StartError } from "./command.ts";
import type { ControlGroup, ResourceLimits } from "./control-group.ts";
import { withLauncher } from "./launcher.ts";
import { type OutputPump, type OutputSink, pumpOutput } from "./output.ts";
import { takePipe } from "./pipe.ts";
import { findProcess } from "./table.ts";
import { isTreeQuiet, killTree, type ProcessTree, terminateTree, treeMembers } from "./tree.ts";
import { countOomKills, type Excess, watchResources } from "./watch.ts";

export interface ProcessOptions {
	/** Program and arguments, no shell. */
	readonly command: readonly string[];
	/** What is really started, when a sandbox is wrapped around `command`. */
	readonly wrapped?: readonly string[];
	readonly cwd: string;
	/** The whole environment: nothing is inherited. */
	readonly environment: Readonly<Record<string, string>>;
	/** `NAME=value` of `environment` that no other tree carries; finds those that left the group. */
	readonly mark?: string;
	/** Made by the caller, empty, and for the caller to remove. */
	readonly controlGroup?: ControlGroup;
	/** Limits that `controlGroup` does not hold, kept by looking every now and then. */
	readonly watched?: ResourceLimits;
	readonly stdin?: Uint8Array;
	/** 0 to 19; 10 keeps the worker's own loop ahead of its jobs. */
	readonly nice?: number;
	readonly timeoutMs?: number;
	/** Ended after this long without output. */
	readonly silentTimeoutMs?: number;
	/** From TERM to KILL when a timeout ends it. */
	readonly graceMs: number;
	readonly sink: OutputSink;
}

/** Why we ended it, when we did. `output`: the sink failed. */
export type EndCause = "cancel" | "timeout" | "silence" | "output" | Excess;

export interface ProcessResult {
	readonly facts: ProcessFacts;
	readonly endedBy: EndCause | undefined;
	/** The kernel says that want of memory killed it, or one of its own. */
	readonly outOfMemory: boolean;
	readonly outputBytes: number;
	/** What the sink threw. */
	readonly outputError: unknown;
	/** What could not be killed. Empty is the proof that nothing is left. */
	readonly survivors: readonly number[];
}

/**
 * starting → running → (ending → killing →) exited → draining → swept → result.
 * `ending` begins with TERM to the tree, `killing` when the grace is over. After the main process exited, whoever still
 * holds its pipe gets a short time to finish, then everything left is killed and counted.
 */
export interface RunningProcess {
	readonly pid: number;
	/** Never rejects. Resolves when nothing of the tree is left, or what is left is named. */
	readonly result: Promise<ProcessResult>;
	/** TERM now, KILL after `graceMs`. The first call names the cause; a later one can only make it faster. No effect after the exit. */
	end(cause: EndCause, graceMs: number): void;
}

/** Silence on a pipe that outlived its process, before its holders are killed. */
const drainIdleMs = 500;
/** The same, however much they write. */
const drainMaxMs = 5000;
/** Node's timers hold no more: 24 days. */
const timerMaxMs = 2 ** 31 - 1;

/** Starts a command in a session of its own. @throws StartError when it cannot be started; nothing is then left of it. */
export async function startProcess(options: ProcessOptions): Promise<RunningProcess> {
	const oomKillsBefore = countOomKills();
	const { child, stdout, stderr } = await spawnChild(options);
	const pid = child.pid as number;
	const startedAt = performance.now();
	const since = options.controlGroup === undefined ? findProcess(pid)?.startedAt : undefined;
	const tree: ProcessTree = { mark: { group: pid, environment: options.mark, since }, controlGroup: options.controlGroup };
	const exited = deferred<{ code: number | null; signal: string | null }>();
	const timers = new Set<NodeJS.Timeout>();
	let endedBy: EndCause | undefined;
	let killAt = Number.POSITIVE_INFINITY;
	let killTimer: NodeJS.Timeout | undefined;
	let forcing: Promise<void> | undefined;
	let forceKilled = false;
	let leftovers = 0;
	let running = true;

	child.once("exit", (code, signal) => exited.resolve({ code, signal }));
	const output = pumpOutput(stdout, stderr, options.sink, () => end("output", 0));
	const watch = watchResources(
		() => treeMembers(tree),
		options.watched ?? {},
		(excess) => end(excess, 0),
	);
	if (options.timeoutMs !== undefined)
		timers.add(setTimeout(() => end("timeout", options.graceMs), Math.min(options.timeoutMs, timerMaxMs)));
	if (options.silentTimeoutMs !== undefined) watchSilence(options.silentTimeoutMs);

	function end(cause: EndCause, graceMs: number): void {
		if (!running) return;
		if (endedBy === undefined) {
			endedBy = cause;
			terminateTree(tree);
		}
		const at = performance.now() + graceMs;
		if (at >= killAt) return;
		killAt = at;
		clearTimeout(killTimer);
		killTimer = setTimeout(() => (forcing = force()), Math.min(graceMs, timerMaxMs));
	}

	/** The grace is over. Should even this not end the main process, its result is not waited for. */
	async function force(): Promise<void> {
		const early = running;
		forceKilled ||= early;
		const { killed, survivors } = await killTree(tree);
		if (!early) leftovers += killed;
		if (survivors.length > 0) exited.resolve({ code: null, signal: null });
	}

	function watchSilence(silentTimeoutMs: number): void {
		const leftMs = silentTimeoutMs - (performance.now() - output.activeAt);
		if (leftMs <= 0) {
			end("silence", options.graceMs);
			return;
		}
		const timer = setTimeout(
			() => {
				timers.delete(timer);
				watchSilence(silentTimeoutMs);
			},
			Math.min(leftMs, timerMaxMs),
		);
		timers.add(timer);
	}

	async function conclude(): Promise<ProcessResult> {
		const { code, signal } = await exited.promise;
		running = false;
		const durationMs = performance.now() - startedAt;
		for (const timer of timers) clearTimeout(timer);
		if (endedBy === undefined) await drain(output, drainMaxMs);
		else while (!isTreeQuiet(tree) && performance.now() < killAt) await delay(10);
		clearTimeout(killTimer);
		await forcing;
		const memoryPeakBytes = options.controlGroup?.memoryPeakBytes ?? watch.memoryPeakBytes;
		watch[Symbol.dispose]();
		const { killed, survivors } = await killTree(tree);
		// All holders are dead, so what is left in the pipes is finite, and a slow sink may take its time.
		await drain(output, Number.POSITIVE_INFINITY);
		output.close();
		const outOfMemory = wasOutOfMemory(options.controlGroup, oomKillsBefore, code, signal);
		return {
			facts: {
				exitCode: code,
				signal,
				timedOut: endedBy === "timeout",
				cancelled: endedBy === "cancel",
				forceKilled,
				durationMs,
				leftovers: leftovers + killed,
				...(memoryPeakBytes > 0 && { memoryPeakBytes }),
			},
			endedBy,
			outOfMemory,
			outputBytes: output.bytes,
			outputError: output.error,
			survivors,
		};
	}

	return { pid, end, result: conclude() };
}

interface Spawned {
	readonly child: ChildProcess;
	readonly stdout: Readable;
	readonly stderr: Readable;
}

async function spawnChild(options: ProcessOptions): Promise<Spawned> {
	const [program = ""] = options.command;
	findCommand(program, options.cwd, options.environment.PATH ?? "");
	const [file = "", ...rest] = withLauncher(options.wrapped ?? options.command, options.controlGroup);
	const pipes = [await takePipe(), await takePipe()] as const;
	try {
		const child = spawn(file, rest, {
			cwd: options.cwd,
			env: options.environment,
			detached: true,
			stdio: [options.stdin === undefined ? "ignore" : "pipe", pipes[0]?.writer ?? "pipe", pipes[1]?.writer ?? "pipe"],
		});
		await once(child, "spawn");
		if (options.nice !== undefined) lowerPriority(child.pid as number, options.nice);
		// A process that does not read its input closes it, which is its right.
		child.stdin?.on("error", () => {}).end(options.stdin);
		return { child, stdout: pipes[0]?.reader ?? (child.stdout as Readable), stderr: pipes[1]?.reader ?? (child.stderr as Readable) };
	} catch (error) {
		for (const pipe of pipes) pipe?.reader.destroy();
		const { code } = error as NodeJS.ErrnoException;
		throw new StartError(`${program}: could not be started (${code})`, exitCodes[code ?? ""], error);
	} finally {
		// From here on the child and what it starts are the only writers, so the end of the last one is the end of the output.
		for (const pipe of pipes) if (pipe !== undefined) closeSync(pipe.writer);
	}
}

const exitCodes: Readonly<Record<string, 126 | 127>> = { ENOENT: 127, EACCES: 126, E2BIG: 126, ENOEXEC: 126 };

function lowerPriority(pid: number, nice: number): void {
	try {
		setPriority(pid, nice);
	} catch {
		// It is already over.
	}
}

/** Waits for the end of the output: for as long as the sink needs, but only a short time for whoever else holds the pipe. */
async function drain(output: OutputPump, maxMs: number): Promise<void> {
	const from = performance.now();
	let over = false;
	const ended = output.ended.then(() => {
		over = true;
	});
	// The usual case: both pipes ended with the process.
	await Promise.race([ended, new Promise(setImmediate)]);
	while (!over) {
		const now = performance.now();
		if (now - Math.max(output.activeAt, from) >= drainIdleMs || now - from >= maxMs) return;
		const wait = new AbortController();
		await Promise.race([ended, delay(50, undefined, { signal: wait.signal }).catch(() => {})]);
		wait.abort();
	}
}

function wasOutOfMemory(group: ControlGroup | undefined, before: number | undefined, code: number | null, signal: string | null): boolean {
	if (group?.oomKills !== undefined) return group.oomKills > 0 && code !== 0;
	// The machine's own count tells only that somebody was killed: believed when we were killed, by nobody of ours.
	const killed = signal === "SIGKILL" || code === 128 + 9;
	return killed && before !== undefined && (countOomKills() ?? 0) > before;
}
