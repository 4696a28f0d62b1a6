import { type ChildProcess, spawn } from "node:child_process";
import { mkdir, mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { root } from "../architecture/sources.ts";

/** The compiled program, as a user runs it. Tests that use it are run after `tools/build.mjs`. */
export const program = [join(root, "node_modules/node/bin/node"), join(root, "packages/covey/dist/main.js")] as const;

export interface Finished {
	readonly code: number | null;
	readonly signal: NodeJS.Signals | null;
	readonly stdout: Buffer;
	readonly stderr: string;
}

export interface RunOptions {
	readonly cwd?: string;
	readonly input?: string | Buffer;
	readonly environment?: Readonly<Record<string, string>>;
	/** How stderr is read. Default UTF-8. */
	readonly stderr?: BufferEncoding;
}

/**
 * A machine of its own on this computer: an empty home, so its own configuration, state and cache. Disposing ends what
 * was started on it, proves that no job of it is left, and removes it.
 */
export class Machine implements AsyncDisposable {
	readonly home: string;
	readonly #started: Daemon[] = [];
	/** Put before the program: `["ip", "netns", "exec", name]` for a machine on a network of its own. */
	readonly #prefix: readonly string[];
	readonly #environment: Readonly<Record<string, string>>;

	private constructor(home: string, prefix: readonly string[], environment: Readonly<Record<string, string>>) {
		this.home = home;
		this.#prefix = prefix;
		this.#environment = environment;
	}

	static async create(options: { prefix?: readonly string[]; environment?: Readonly<Record<string, string>> } = {}): Promise<Machine> {
		const home = await mkdtemp(join(tmpdir(), "covey-machine-"));
		await mkdir(join(home, "tmp"));
		return new Machine(home, options.prefix ?? [], options.environment ?? {});
	}

	get state(): string {
		return join(this.#environment.XDG_STATE_HOME ?? join(this.home, ".local/state"), "covey");
	}

	get environment(): Record<string, string> {
		return {
			PATH: process.env.PATH ?? "/usr/bin:/bin",
			HOME: this.home,
			TMPDIR: join(this.home, "tmp"),
			LANG: "C.UTF-8",
			COVEY_SYSTEM_CONFIG: join(this.home, "no-system-config.toml"),
			...this.#environment,
		};
	}

	/** Runs `covey …` to its end. */
	async covey(args: readonly string[], options: RunOptions = {}): Promise<Finished> {
		return this.exec([...program, ...args], options);
	}

	/** Runs any program on this machine to its end. Fails after 50 s. */
	async exec(command: readonly string[], options: RunOptions = {}): Promise<Finished> {
		const child = this.#spawn(command, options);
		child.stdin!.on("error", () => {});
		child.stdin!.end(options.input ?? "");
		return finish(child, options.stderr);
	}

	/** Starts `covey …` and leaves it running. `ready` is a text on its stderr. */
	async start(args: readonly string[], options: RunOptions & { ready?: RegExp } = {}): Promise<Daemon> {
		const child = this.#spawn([...program, ...args], options);
		child.stdin!.on("error", () => {});
		child.stdin!.end(options.input ?? "");
		const daemon = new Daemon(child);
		this.#started.push(daemon);
		if (options.ready) await daemon.says(options.ready);
		return daemon;
	}

	#spawn(words: readonly string[], options: RunOptions): ChildProcess {
		const [command, ...rest] = [...this.#prefix, ...words] as [string, ...string[]];
		return spawn(command, rest, {
			cwd: options.cwd ?? this.home,
			env: { ...this.environment, ...options.environment },
			stdio: ["pipe", "pipe", "pipe"],
		});
	}

	/** Processes that live now and have this machine's home, which a job inherits from its worker. */
	async processes(): Promise<{ pid: number; command: string }[]> {
		const found: { pid: number; command: string }[] = [];
		for (const name of await readdir("/proc")) {
			if (!/^\d+$/.test(name)) continue;
			try {
				const environment = await readFile(`/proc/${name}/environ`, "latin1");
				if (!environment.split("\0").includes(`HOME=${this.home}`)) continue;
				found.push({ pid: Number(name), command: (await readFile(`/proc/${name}/cmdline`, "latin1")).replaceAll("\0", " ").trim() });
			} catch {
				// It ended while we looked.
			}
		}
		return found.filter(({ command }) => command !== "");
	}

	async [Symbol.asyncDispose](): Promise<void> {
		await Promise.all(this.#started.map((daemon) => daemon.stop()));
		const left = (await this.processes()).filter(({ command }) => !/dist\/main\.js|\.bin\/covey/.test(command));
		// What is ours is a coordinator that a command started in the background.
		for (const { pid } of await this.processes()) kill(pid, "SIGTERM");
		await this.empty().catch(() => {});
		for (const { pid } of await this.processes()) kill(pid, "SIGKILL");
		await rm(this.home, { recursive: true, force: true, maxRetries: 5 });
		if (left.length > 0) throw new Error(`left behind on ${this.home}:\n${left.map(({ command }) => command).join("\n")}`);
	}

	/** Resolves when none of its processes has `text` in its command line. Fails after 10 s. */
	async empty(text = ""): Promise<void> {
		let left: { command: string }[] = [];
		for (let i = 0; i < 200; i++) {
			left = (await this.processes()).filter(({ command }) => command.includes(text));
			if (left.length === 0) return;
			await new Promise((resolve) => setTimeout(resolve, 50));
		}
		throw new Error(`still running:\n${left.map(({ command }) => command).join("\n")}`);
	}
}

/** A program that keeps running, and what it has said. */
export class Daemon {
	readonly child: ChildProcess;
	readonly ended: Promise<Finished>;
	stdout = "";
	stderr = "";
	readonly #waiting = new Set<() => void>();

	constructor(child: ChildProcess) {
		this.child = child;
		running.add(child);
		child.once("exit", () => running.delete(child));
		for (const stream of ["stdout", "stderr"] as const) {
			child[stream]!.setEncoding("utf8").on("data", (text: string) => {
				this[stream] += text;
				for (const wake of this.#waiting) wake();
			});
		}
		this.ended = new Promise((resolve) => {
			child.once("close", (code, signal) => {
				resolve({ code, signal, stdout: Buffer.from(this.stdout), stderr: this.stderr });
				for (const wake of this.#waiting) wake();
			});
		});
	}

	get pid(): number {
		return this.child.pid!;
	}

	/** Resolves with the match when the program has said it on `stream`. Fails when it ends first, or after 30 s. */
	async says(pattern: RegExp, stream: "stdout" | "stderr" = "stderr"): Promise<RegExpExecArray> {
		const deadline = Date.now() + 30_000;
		for (;;) {
			const match = pattern.exec(this[stream]);
			if (match) return match;
			if (this.child.exitCode !== null || this.child.signalCode !== null || Date.now() > deadline)
				throw new Error(`waited in vain for ${pattern} on ${stream}; it said:\n${this.stdout}\n${this.stderr}`);
			await this.#change(deadline - Date.now());
		}
	}

	async stop(signal: NodeJS.Signals = "SIGTERM"): Promise<Finished> {
		if (this.child.exitCode === null && this.child.signalCode === null) this.child.kill(signal);
		const timer = setTimeout(() => this.child.kill("SIGKILL"), 20_000);
		try {
			return await this.ended;
		} finally {
			clearTimeout(timer);
		}
	}

	#change(ms: number): Promise<void> {
		return new Promise((resolve) => {
			const wake = () => {
				clearTimeout(timer);
				this.#waiting.delete(wake);
				resolve();
			};
			const timer = setTimeout(wake, Math.max(1, ms));
			this.#waiting.add(wake);
		});
	}
}

/** A test that ran out of time disposes of nothing: then what it started ends with its process. */
const running = new Set<ChildProcess>();
process.once("exit", () => {
	for (const child of running) child.kill("SIGKILL");
});

async function finish(child: ChildProcess, encoding?: BufferEncoding): Promise<Finished> {
	const stdout: Buffer[] = [];
	const stderr: Buffer[] = [];
	child.stdout!.on("data", (chunk: Buffer) => stdout.push(chunk));
	child.stderr!.on("data", (chunk: Buffer) => stderr.push(chunk));
	return new Promise((resolve, reject) => {
		// Sooner than the test's own timeout, which would not tell what was said.
		const timer = setTimeout(() => {
			child.kill("SIGKILL");
			reject(new Error(`${child.spawnargs.join(" ")} has not ended; it said:\n${Buffer.concat(stderr)}\n${Buffer.concat(stdout)}`));
		}, 50_000);
		child.once("error", reject);
		child.once("close", (code, signal) => {
			clearTimeout(timer);
			resolve({ code, signal, stdout: Buffer.concat(stdout), stderr: Buffer.concat(stderr).toString(encoding) });
		});
	});
}

function kill(pid: number, signal: NodeJS.Signals): void {
	try {
		process.kill(pid, signal);
	} catch {
		// It ended by itself.
	}
}
