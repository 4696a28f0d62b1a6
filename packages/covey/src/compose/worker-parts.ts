import { homedir } from "node:os";
import { join } from "node:path";
import { CoveyError, type WorkerOffer } from "@covey/protocol";
import { describeMachine } from "#host/machine/machine.ts";
import { createPressureGauge } from "#host/pressure/gauge.ts";
import { findControlGroups } from "#host/process/control-group.ts";
import { hiddenPlaces } from "#host/process/hidden-places.ts";
import { probeIsolation } from "#host/process/isolation.ts";
import { systemClock } from "#kit/clock.ts";
import type { Logger } from "#kit/logger.ts";
import { version } from "#kit/version.ts";
import type { LinkTransport } from "#ports/link.ts";
import type { Runner } from "#ports/runner.ts";
import { createEnvironments } from "#worker/environments/environments.ts";
import { createExecutor } from "#worker/executor/execute.ts";
import { sweepOrphans } from "#worker/executor/orphans.ts";
import { type Caps, createCapped } from "#worker/runners/capped.ts";
import { createRunRunner } from "#worker/runners/run/run.ts";
import { createWorker, type ResolvedWorkerConfig, type Worker } from "#worker/worker.ts";
import { createWorktreePool } from "#worker/worktrees/pool.ts";
import { paths } from "./paths.ts";
import { startWatchdog } from "./watchdog.ts";

export interface WorkerPartsOptions {
	readonly name: string;
	readonly slots: number;
	readonly tags: Readonly<Record<string, string>>;
	readonly stateDirectory: string;
	readonly cacheDirectory: string;
	/** Where the objects of repositories are, and the worktrees, if not in the cache directory. They may hold other things too. */
	readonly gitCacheDirectory?: string | undefined;
	readonly worktreeDirectory?: string | undefined;
	readonly outputBytesMax: number;
	readonly worktreesMax: number;
	/** The isolation level that every attempt gets at least. */
	readonly isolation: number;
	readonly caps: Caps;
	/** What no confined job sees, besides Covey's own places and the usual ones of other programs' keys. */
	readonly hidden?: readonly string[];
	/** Between two tries to reach the coordinator; see `kit/backoff.ts`. */
	readonly reconnect?: { readonly firstMs: number; readonly maxMs: number };
	readonly token?: ResolvedWorkerConfig["token"];
	readonly transport: LinkTransport;
	readonly logger: Logger;
	/** Runners besides `run`, for programs that bring their own. */
	readonly runners?: readonly Runner[];
}

/** A worker of this machine with all that it is made of. Disposing stops it. What an earlier instance left running is ended first. */
export async function createMachineWorker(options: WorkerPartsOptions, signal: AbortSignal): Promise<{ worker: Worker } & AsyncDisposable> {
	const { logger, stateDirectory, cacheDirectory } = options;
	// A coordinator may live in the same home: its keys and the client's token are no job's business either.
	const where = paths();
	for (const { attempt, killed } of await sweepOrphans(stateDirectory))
		logger.warn("ended what an earlier instance left running", { attempt, processes: killed });
	const machine = describeMachine();
	const controlGroups = findControlGroups();
	const offered = await probeIsolation(controlGroups);
	if (offered.level < options.isolation)
		throw new CoveyError(
			"bad_config",
			`worker.isolation asks for level ${options.isolation}, and this machine gives up to ${offered.level} (${offered.means})`,
			{
				hint: "install bubblewrap for level 2; covey doctor --only isolation",
			},
		);
	if (process.getuid?.() === 0) logger.warn("the worker runs as root, so its jobs do too; a user of its own is safer");
	await using parts = new AsyncDisposableStack();
	parts.use(startWatchdog(stateDirectory));
	const { gitCacheDirectory: objects, worktreeDirectory: trees } = options;
	const worktrees = parts.use(
		createWorktreePool({
			directory: objects === undefined ? join(cacheDirectory, "repositories") : join(objects, "covey-repositories"),
			trees: trees && join(trees, "covey-worktrees"),
			idleMax: options.worktreesMax,
		}),
	);
	await worktrees.start(signal);
	const executor = createExecutor({
		spares: Math.min(2 * options.slots + 4, sparesMax),
		worker: options.name,
		stateDirectory,
		environment: process.env,
		controlGroups,
		isolation: offered,
		hidden: [...hiddenPlaces(homedir()), stateDirectory, where.state, where.config, ...credentialPlaces(), ...(options.hidden ?? [])],
	});
	parts.use(executor);
	const run = createRunRunner({
		executor,
		worktrees,
		environments: createEnvironments({ executor, directory: join(cacheDirectory, "environments"), path: process.env.PATH ?? "" }),
		directory: join(cacheDirectory, "scratch"),
		coordinator: () => worker.credentials(),
		limits: { processes: processesMax },
		isolation: options.isolation,
	});
	const gauge = createPressureGauge();
	const offer: Omit<WorkerOffer, "capabilities" | "warm" | "version"> = {
		slots: options.slots,
		tags: { ...options.tags },
		os: machine.os,
		arch: machine.arch,
		cores: machine.cores,
		memoryBytes: machine.memoryBytes,
		isolation: offered.level,
		isolationDefault: options.isolation,
	};
	const { name, token, outputBytesMax, reconnect } = options;
	const worker: Worker = createWorker(
		{
			name,
			stateDirectory,
			version,
			offer,
			outputBytesMax,
			spoolBytesMax: 4 * outputBytesMax,
			...(token && { token }),
			...(reconnect && { reconnect }),
		},
		{
			transport: options.transport,
			runners: [createCapped(run, options.caps), ...(options.runners ?? [])],
			clock: systemClock,
			random: Math.random,
			logger,
			pressure: () => gauge.sample(),
			warm: () => worktrees.warm(),
		},
	);
	parts.use(worker);
	const owned = parts.move();
	return { worker, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

/** Where systemd puts a service's secrets. */
function credentialPlaces(): readonly string[] {
	const { CREDENTIALS_DIRECTORY: directory } = process.env;
	return directory === undefined ? [] : [directory];
}

/** Of one attempt, all together: more is a fork bomb. */
const processesMax = 4096;

/** Each is a waiting shell of less than a megabyte; a new one takes as long as several short jobs. */
const sparesMax = 16;

/** Half the cores, as a machine that people work on can spare. */
export function defaultSlots(): number {
	return Math.max(1, Math.floor(describeMachine().cores / 2));
}
