import { type ChildProcessByStdio, spawn } from "node:child_process";
import { devNull } from "node:os";
import type { Readable, Writable } from "node:stream";
import { CoveyError } from "@covey/protocol/errors";

/**
 * Every git call of Covey goes through here. Two kinds of trust:
 *
 * - `own`: a repository that Covey made (stores, warm worktrees). No configuration but the repository's own and the
 *   flags below; no attributes or ignore rules from a home directory.
 * - `user`: reading a person's worktree. A snapshot must be what *their* `git add -A` would record, so what decides
 *   content is honoured: system and global configuration (`core.autocrlf`, `core.eol`, `core.fileMode`, `core.ignoreCase`),
 *   `core.excludesFile`, attributes with their clean filters, and `safe.directory`. What only runs programs is not:
 *   hooks, fsmonitor, credential helpers, ssh, automatic maintenance. Variables that point git at another repository
 *   (`GIT_DIR`, `GIT_WORK_TREE`, `GIT_INDEX_FILE`, …) are dropped: the directory that was named decides.
 */
export interface GitCall {
	readonly trust: "own" | "user";
	readonly directory: string;
	readonly arguments: readonly string[];
	/** Added to the cleaned environment: `GIT_DIR`, `GIT_INDEX_FILE`, `GIT_OBJECT_DIRECTORY`, … */
	readonly environment?: Readonly<Record<string, string>>;
	/** Written to standard input, which is then closed. */
	readonly input?: Uint8Array | AsyncIterable<Uint8Array>;
	/** Default 10 minutes. */
	readonly timeoutMs?: number;
	/** Of standard output; default 256 MiB. */
	readonly outputBytesMax?: number;
	readonly signal?: AbortSignal | undefined;
}

export interface GitResult {
	readonly exitCode: number;
	readonly stdout: Buffer;
	/** The first 8 KiB. */
	readonly stderr: string;
}

/** @returns standard output. @throws CoveyError `internal` with git's own words when it exits with another code than 0. */
export async function git(call: GitCall): Promise<Buffer> {
	return succeed(call, await runGit(call));
}

/** The facts, whatever the exit code. @throws the signal's reason; CoveyError `timeout`, `too_large`, `unavailable` (git cannot be started). */
export async function runGit(call: GitCall): Promise<GitResult> {
	return gather(startGit(call), call);
}

async function gather(running: RunningGit, call: GitCall): Promise<GitResult> {
	const chunks: Buffer[] = [];
	let bytes = 0;
	running.stdout.on("data", (chunk: Buffer) => {
		bytes += chunk.length;
		if (bytes > (call.outputBytesMax ?? defaults.outputBytesMax)) {
			running.stdout.destroy(new CoveyError("too_large", `git ${verb(call)} wrote more than ${call.outputBytesMax} bytes`));
		} else chunks.push(chunk);
	});
	const { exitCode, stderr } = await running.ended;
	return { exitCode, stdout: Buffer.concat(chunks, bytes), stderr };
}

/** Standard output as it comes, with back-pressure; ends with an error when git fails. */
export async function* streamGit(call: GitCall): AsyncGenerator<Buffer, void> {
	const running = startGit(call);
	let finished = false;
	// Handled here so that a failure while the reader is busy is not an unhandled rejection; it is thrown below.
	running.ended.catch(() => {});
	try {
		for await (const chunk of running.stdout) yield chunk as Buffer;
		finished = true;
	} finally {
		if (!finished) running.kill();
	}
	const { exitCode, stderr } = await running.ended;
	if (exitCode !== 0) throw gitFailed(call, { exitCode, stderr });
}

export interface RunningGit {
	readonly stdin: Writable;
	readonly stdout: Readable;
	/** Settles when the process is gone and its output was read. */
	readonly ended: Promise<{ readonly exitCode: number; readonly stderr: string }>;
	kill(): void;
}

/** The process itself, for helpers that are asked more than once. Without `input` its standard input stays open. */
export function startGit(call: GitCall, options: { readonly keepInput?: boolean } = {}): RunningGit {
	call.signal?.throwIfAborted();
	const child = spawn("git", [...flags, ...call.arguments], {
		cwd: call.directory,
		env: { ...environment(call.trust), ...call.environment },
		stdio: ["pipe", "pipe", "pipe"],
	});
	return watch(child, call, options);
}

function watch(child: GitProcess, call: GitCall, options: { readonly keepInput?: boolean } = {}): RunningGit {
	const kill = () => child.kill("SIGKILL");
	// A process that ended before it read its input is not an error of its own: the exit code tells.
	child.stdin.on("error", () => {});
	const ended = settle(child, call, kill);
	if (!options.keepInput) feed(child.stdin, call.input).catch((error) => child.stdout.destroy(error));
	return { stdin: child.stdin, stdout: child.stdout, ended, kill };
}

/** A git that has been started as far as can be without doing anything: see `holdGit`. */
export interface HeldGit extends Disposable {
	/** Lets it go. @returns and @throws as `git`; to be called once. */
	go(signal?: AbortSignal): Promise<Buffer>;
}

/**
 * Starts a process that waits and then becomes git: forking one out of a large program takes longer than what git has
 * to do in a small repository, and need not be waited for when it is known beforehand what will be asked. It ends with
 * this process, keeps nothing awake, and when it is gone before it is needed, git is started in the ordinary way.
 */
export function holdGit(call: Omit<GitCall, "input" | "signal">): HeldGit {
	const child = spawn("sh", ["-c", 'read -r _ && exec git "$@"', "git", ...flags, ...call.arguments], {
		cwd: call.directory,
		env: { ...environment(call.trust), ...call.environment },
		stdio: ["pipe", "pipe", "pipe"],
	});
	let gone = false;
	const lose = () => {
		gone = true;
	};
	child.once("exit", lose).once("error", lose);
	child.stdin.on("error", () => {});
	const sleepers = [child, child.stdin, child.stdout, child.stderr] as { ref?(): void; unref?(): void }[];
	for (const sleeper of sleepers) sleeper.unref?.();
	return {
		async go(signal) {
			signal?.throwIfAborted();
			const going = { ...call, signal, input: Buffer.from("\n") };
			for (const sleeper of sleepers) sleeper.ref?.();
			const result = gone ? undefined : await gather(watch(child, going), going);
			// Without an exit code it was lost before it came to anything.
			return result && result.exitCode >= 0 ? succeed(call, result) : git({ ...call, signal });
		},
		[Symbol.dispose]: () => child.kill("SIGKILL"),
	};
}

export function gitFailed(call: GitCall, result: Pick<GitResult, "exitCode" | "stderr">): CoveyError {
	const full = diskFull(call, result);
	if (full) return full;
	const said = result.stderr.trim().replace(/^(fatal|error): /, "") || "no message";
	return new CoveyError("internal", `git ${verb(call)} ended with ${result.exitCode}: ${said}`);
}

/** `store_full` when git ended for want of space: the disk is at fault and not what git was given. */
export function diskFull(call: Pick<GitCall, "directory">, { stderr }: Pick<GitResult, "stderr">): CoveyError | undefined {
	return stderr.includes("No space left on device") ? noSpace(call.directory) : undefined;
}

export function noSpace(directory: string): CoveyError {
	return new CoveyError("store_full", `the disk is full: no space left in ${directory}`, {
		hint: "free some space there, then try again",
	});
}

function succeed(call: GitCall, result: GitResult): Buffer {
	if (result.exitCode !== 0) throw gitFailed(call, result);
	return result.stdout;
}

/** Which git, for a message: never its arguments, which may be long. */
function verb(call: GitCall): string {
	return call.arguments.find((argument) => !argument.startsWith("-")) ?? "";
}

const defaults = { timeoutMs: 10 * 60_000, outputBytesMax: 256 * 1024 * 1024, stderrBytesMax: 8 * 1024 };

const flags = [
	"core.hooksPath=/dev/null",
	"core.fsmonitor=false",
	"protocol.allow=never",
	"core.sshCommand=false",
	"core.askPass=",
	"credential.helper=",
	"submodule.recurse=false",
	"gc.auto=0",
	"maintenance.auto=false",
	"core.splitIndex=false",
	"advice.addEmbeddedRepo=false",
].flatMap((setting) => ["-c", setting]);

/** What of the caller's environment may reach git when it reads a person's worktree, beyond everything that is not `GIT_…`. */
const userGitVariables = /^GIT_(CONFIG_(GLOBAL|SYSTEM|NOSYSTEM|COUNT|KEY_\d+|VALUE_\d+)|CEILING_DIRECTORIES|ATTR_NOSYSTEM)$/;

const fixed = { GIT_TERMINAL_PROMPT: "0", GIT_OPTIONAL_LOCKS: "0", GIT_NO_LAZY_FETCH: "1", LC_ALL: "C" };
let ownEnvironment: NodeJS.ProcessEnv | undefined;

function environment(trust: GitCall["trust"]): NodeJS.ProcessEnv {
	if (trust === "own") {
		const { PATH, TMPDIR } = process.env;
		ownEnvironment ??= {
			...(PATH !== undefined && { PATH }),
			...(TMPDIR !== undefined && { TMPDIR }),
			...fixed,
			GIT_CONFIG_NOSYSTEM: "1",
			GIT_CONFIG_GLOBAL: devNull,
			GIT_ATTR_NOSYSTEM: "1",
		};
		return ownEnvironment;
	}
	const kept = Object.entries(process.env).filter(([name]) => !name.startsWith("GIT_") || userGitVariables.test(name));
	return { ...Object.fromEntries(kept), ...fixed };
}

type GitProcess = ChildProcessByStdio<Writable, Readable, Readable>;

async function settle(child: GitProcess, call: GitCall, kill: () => void): Promise<{ exitCode: number; stderr: string }> {
	const { promise, resolve, reject } = Promise.withResolvers<number>();
	let stderr = "";
	child.stderr.on("data", (chunk: Buffer) => {
		if (stderr.length < defaults.stderrBytesMax) stderr += chunk.toString("utf8");
	});
	const fail = (error: unknown) => {
		reject(error);
		kill();
	};
	const timeoutMs = call.timeoutMs ?? defaults.timeoutMs;
	const timer = setTimeout(() => fail(new CoveyError("timeout", `git ${verb(call)} took longer than ${timeoutMs} ms`)), timeoutMs);
	const abort = () => fail(call.signal?.reason);
	call.signal?.addEventListener("abort", abort, { once: true });
	child.on("error", (cause) => {
		const hint = "install git and make sure it is on the PATH";
		fail(new CoveyError("unavailable", `git could not be started in ${call.directory}: ${cause.message}`, { hint, cause }));
	});
	child.stdout.on("error", fail);
	child.on("close", (code) => resolve(code ?? -1));
	try {
		return { exitCode: await promise, stderr: stderr.slice(0, defaults.stderrBytesMax) };
	} finally {
		clearTimeout(timer);
		call.signal?.removeEventListener("abort", abort);
	}
}

async function feed(stdin: Writable, input: GitCall["input"]): Promise<void> {
	if (input === undefined || input instanceof Uint8Array) {
		stdin.end(input);
		return;
	}
	for await (const chunk of input) {
		if (stdin.destroyed) return;
		if (!stdin.write(chunk)) await drained(stdin);
	}
	stdin.end();
}

function drained(stream: Writable): Promise<void> {
	const { promise, resolve } = Promise.withResolvers<void>();
	const done = () => {
		stream.off("drain", done);
		stream.off("close", done);
		resolve();
	};
	stream.once("drain", done);
	stream.once("close", done);
	return promise;
}
