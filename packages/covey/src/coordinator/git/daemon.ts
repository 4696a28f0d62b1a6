import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { CoveyError } from "@covey/protocol/errors";
import { createBackoff } from "#kit/backoff.ts";
import type { Clock } from "#kit/clock.ts";
import { deferred } from "#kit/deferred.ts";
import type { Logger } from "#kit/logger.ts";
import type { Service } from "#kit/service.ts";

export interface GitDaemonOptions {
	readonly port: number;
	/** All that it listens on. */
	readonly addresses: readonly string[];
	/** What it serves, as `exportRepositories` has made it. */
	readonly base: string;
	readonly repositories: readonly string[];
	readonly clock: Clock;
	readonly logger: Logger;
}

export interface GitDaemonStatus {
	readonly up: boolean;
	/** Why it is not. */
	readonly reason?: string;
}

const daemonLimits = {
	connectionsMax: 32,
	/** Of a client that sends nothing, before and after its request. */
	helloSeconds: 10,
	silenceSeconds: 60,
	readyMs: 10_000,
	stopMs: 3000,
	/** One that ran for longer was well. */
	wellMs: 60_000,
	backoff: { firstMs: 500, maxMs: 30_000 },
} as const;

/**
 * `git daemon`, which asks nobody who they are: so it only reads, and serves the directories that it was given and no
 * other (`--strict-paths`, never `--export-all`).
 *
 * starting → up ⇄ down (waiting for the next start), until stopped. It and what it forks are one process group, and a
 * shell in it waits for the end of a pipe that only this process holds open: none of them outlives us, however we end.
 */
export class GitDaemon implements Service {
	readonly #options: GitDaemonOptions;
	readonly #stopped = new AbortController();
	#child: ChildProcess | undefined;
	#running: Promise<void> | undefined;
	#reason: string | undefined = "it has not been started";

	constructor(options: GitDaemonOptions) {
		this.#options = options;
	}

	get status(): GitDaemonStatus {
		return this.#reason === undefined ? { up: true } : { up: false, reason: this.#reason };
	}

	/** Resolves when it listens. @throws CoveyError `unavailable` with git's own words when it does not. */
	async start(signal: AbortSignal): Promise<void> {
		signal.throwIfAborted();
		const first = deferred<void>();
		this.#running = this.#supervise(first);
		try {
			await first.promise;
		} catch (error) {
			await this.stop();
			throw error;
		}
	}

	async stop(): Promise<void> {
		this.#stopped.abort(new CoveyError("unavailable", "git daemon is stopping"));
		if (this.#child !== undefined) end(this.#child);
		await this.#running;
	}

	[Symbol.asyncDispose](): Promise<void> {
		return this.stop();
	}

	async #supervise(first: { resolve(): void; reject(error: Error): void }): Promise<void> {
		const { clock, logger } = this.#options;
		const { signal } = this.#stopped;
		const backoff = createBackoff({ ...daemonLimits.backoff, random: Math.random });
		let hasListened = false;
		while (!signal.aborted) {
			const began = clock.monotonic();
			const reason = await this.#runOnce(() => {
				hasListened = true;
				first.resolve();
			});
			if (signal.aborted) return;
			this.#reason = reason;
			// A mistake of whoever configured it: they had better be told at once.
			if (!hasListened) return first.reject(new CoveyError("unavailable", `git daemon does not start: ${reason}`));
			if (clock.monotonic() - began > daemonLimits.wellMs) backoff.reset();
			logger.error("git daemon has ended; it is started again", { reason });
			await clock.sleep(backoff.next(), signal).catch(() => {});
		}
	}

	/** @returns why it ended. */
	#runOnce(listens: () => void): Promise<string> {
		const child = launch(this.#options);
		this.#child = child;
		let words = "";
		const late = setTimeout(() => end(child), daemonLimits.readyMs);
		createInterface({ input: child.stderr! }).on("line", (line) => {
			const text = line.replace(/^\[\d+\] /, "");
			this.#options.logger.debug("git daemon", { text });
			if (text === "Ready to rumble") {
				clearTimeout(late);
				this.#reason = undefined;
				listens();
			} else if (/^(fatal|error):|^Could not bind/.test(text)) words ||= text.slice(0, 500);
			// It would be content with the other addresses.
			if (text.startsWith("Could not bind")) end(child);
		});
		return new Promise((resolve) => {
			child.once("error", (error) => resolve(error.message));
			// What it forked may hold the pipe of its words for longer than it lives.
			child.once("exit", (code, signal) => {
				clearTimeout(late);
				end(child);
				resolve(words || (signal === null ? `exit code ${code}` : `signal ${signal}`));
			});
		});
	}
}

/** Waits for git, and ends the whole group when the pipe ends that only our process holds. */
const shell = `
git "$@" 3<&- &
daemon=$!
{ read -r _ <&3; kill -s TERM -- "-$$"; } &
exec 3<&-
wait "$daemon"`;

function launch({ port, addresses, base, repositories }: GitDaemonOptions): ChildProcess {
	const words = [
		"daemon",
		"--verbose",
		"--log-destination=stderr",
		"--strict-paths",
		`--base-path=${base}`,
		"--reuseaddr",
		`--port=${port}`,
		...addresses.map((address) => `--listen=${address}`),
		`--max-connections=${daemonLimits.connectionsMax}`,
		`--init-timeout=${daemonLimits.helloSeconds}`,
		`--timeout=${daemonLimits.silenceSeconds}`,
		"--no-informative-errors",
		"--enable=upload-pack",
		"--disable=receive-pack",
		"--disable=upload-archive",
		...["upload-pack", "receive-pack", "upload-archive"].map((service) => `--forbid-override=${service}`),
		...repositories,
	];
	return spawn("/bin/sh", ["-c", shell, "covey-git-daemon", ...words], {
		detached: true,
		cwd: base,
		stdio: ["ignore", "ignore", "pipe", "pipe"],
		env: { PATH: process.env.PATH, HOME: process.env.HOME, LANG: "C", GIT_CONFIG_NOSYSTEM: "1", GIT_CONFIG_GLOBAL: "/dev/null" },
	});
}

function end(child: ChildProcess): void {
	(child.stdio[3] as { destroy(): void } | null)?.destroy();
	const kill = setTimeout(() => {
		try {
			process.kill(-child.pid!, "SIGKILL");
		} catch {
			// All of them are gone.
		}
	}, daemonLimits.stopMs);
	if (child.exitCode !== null || child.signalCode !== null) clearTimeout(kill);
	else child.once("exit", () => clearTimeout(kill));
}
