import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync } from "node:fs";
import type { Readable } from "node:stream";
import { setTimeout as delay } from "node:timers/promises";
import type { ProcessFacts } from "@covey/protocol";
import { findCommand, StartError } from "./command.ts";
import type { ControlGroup, ResourceLimits } from "./control-group.ts";
import { Ending, timerMaxMs } from "./ending.ts";
import { withLauncher } from "./launcher.ts";
import { type OutputPump, type OutputSink, pumpOutput } from "./output.ts";
import { takePipe } from "./pipe.ts";
import { lowerPriority, withPriority } from "./priority.ts";
import type { Spare } from "./spare.ts";
import { findProcess } from "./table.ts";
import { killTree, type ProcessTree, treeMembers } from "./tree.ts";
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
	/** Becomes the command; `controlGroup` is its own then, `nice` has no meaning, and there can be no `stdin`. */
	readonly spare?: Spare;
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
/** Starts a command in a session of its own. @throws StartError when it cannot be started; nothing is then left of it. */
export async function startProcess(options: ProcessOptions): Promise<RunningProcess> {
	const oomKillsBefore = countOomKills();
	const { child, stdout, stderr } = await spawnChild(options);
	const pid = child.pid as number;
	const since = options.controlGroup === undefined ? findProcess(pid)?.startedAt : undefined;
	const tree: ProcessTree = { mark: { group: pid, environment: options.mark, since }, controlGroup: options.controlGroup };
	const ending = new Ending<EndCause>(tree);
	child.once("exit", (code, signal) => ending.exited({ code, signal }));
	const output = pumpOutput(stdout, stderr, options.sink, () => ending.end("output", 0));
	const watch = watchResources(
		() => treeMembers(tree),
		options.watched ?? {},
		(excess) => ending.end(excess, 0),
	);
	const timers = watchTime(options, output, (cause) => ending.end(cause, options.graceMs));
	const result = conclude({ options, tree, output, ending, watch, timers, oomKillsBefore, startedAt: performance.now() });
	return { pid, end: (cause, graceMs) => ending.end(cause, graceMs), result };
}

/** All that belongs to one process while it runs. */
interface Running {
	readonly options: ProcessOptions;
	readonly tree: ProcessTree;
	readonly output: OutputPump;
	readonly ending: Ending<EndCause>;
	readonly watch: ReturnType<typeof watchResources>;
	readonly timers: Disposable;
	readonly oomKillsBefore: number | undefined;
	readonly startedAt: number;
}

async function conclude({ options, tree, output, ending, watch, timers, oomKillsBefore, startedAt }: Running): Promise<ProcessResult> {
	const { code, signal } = await ending.exit;
	const durationMs = performance.now() - startedAt;
	timers[Symbol.dispose]();
	if (ending.cause === undefined) await drain(output, drainMaxMs);
	await ending.settled();
	const memoryPeakBytes = options.controlGroup?.memoryPeakBytes ?? watch.memoryPeakBytes;
	watch[Symbol.dispose]();
	const { killed, survivors } = await killTree(tree);
	// All holders are dead, so what is left in the pipes is finite, and a slow sink may take its time.
	await drain(output, Number.POSITIVE_INFINITY);
	output.close();
	return {
		facts: {
			exitCode: code,
			signal,
			timedOut: ending.cause === "timeout",
			cancelled: ending.cause === "cancel",
			forceKilled: ending.forced,
			durationMs,
			leftovers: ending.leftovers + killed,
			...(memoryPeakBytes > 0 && { memoryPeakBytes }),
		},
		endedBy: ending.cause,
		outOfMemory: wasOutOfMemory(options.controlGroup, oomKillsBefore, code, signal),
		outputBytes: output.bytes,
		outputError: output.error,
		survivors,
	};
}

/** Tells when the process has run, or been silent, for as long as it may. */
function watchTime(
	{ timeoutMs, silentTimeoutMs }: ProcessOptions,
	output: OutputPump,
	over: (cause: "timeout" | "silence") => void,
): Disposable {
	const timeout = timeoutMs === undefined ? undefined : setTimeout(() => over("timeout"), Math.min(timeoutMs, timerMaxMs));
	let silence: NodeJS.Timeout | undefined;
	function listen(maxMs: number): void {
		const leftMs = maxMs - (performance.now() - output.activeAt);
		if (leftMs <= 0) over("silence");
		else silence = setTimeout(() => listen(maxMs), Math.min(leftMs, timerMaxMs));
	}
	if (silentTimeoutMs !== undefined) listen(silentTimeoutMs);
	return {
		[Symbol.dispose]() {
			clearTimeout(timeout);
			clearTimeout(silence);
		},
	};
}

interface Spawned {
	readonly child: ChildProcess;
	readonly stdout: Readable;
	readonly stderr: Readable;
}

async function spawnChild(options: ProcessOptions): Promise<Spawned> {
	const [program = ""] = options.command;
	const { cwd, environment, nice, spare } = options;
	findCommand(program, cwd, environment.PATH ?? "");
	if (spare !== undefined) {
		spare.become(options.wrapped ?? options.command, cwd, environment);
		return spare;
	}
	const launched = withLauncher(options.wrapped ?? options.command, options.controlGroup);
	const lowered = nice === undefined ? launched : withPriority(launched, nice);
	const [file = "", ...rest] = lowered ?? launched;
	const pipes = [await takePipe(), await takePipe()] as const;
	try {
		const child = spawn(file, rest, {
			cwd,
			env: environment,
			detached: true,
			stdio: [options.stdin === undefined ? "ignore" : "pipe", pipes[0]?.writer ?? "pipe", pipes[1]?.writer ?? "pipe"],
		});
		await once(child, "spawn");
		if (nice !== undefined && lowered === undefined) lowerPriority(child.pid as number, nice);
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
