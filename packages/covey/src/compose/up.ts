import { randomUUID } from "node:crypto";
import { mkdirSync, rmSync, writeFileSync, writeSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import type { Fleet } from "@covey/client";
import { openDiskBlobs } from "#blobs/disk/blobs.ts";
import { type Coordinator, createCoordinator } from "#coordinator/coordinator.ts";
import type { GatewaysConfig } from "#coordinator/gateways.ts";
import { createSnapshotStore } from "#coordinator/git/store.ts";
import { createLogs } from "#coordinator/logs/logs.ts";
import { openSqliteHistory } from "#history/sqlite/history.ts";
import { workerNameOf } from "#host/machine/machine.ts";
import { collectBuffersCheaply } from "#host/memory/buffers.ts";
import { onShutdown } from "#host/signals/shutdown.ts";
import { openSqliteJournal } from "#journal/sqlite/journal.ts";
import { systemClock } from "#kit/clock.ts";
import { deferred } from "#kit/deferred.ts";
import type { Logger } from "#kit/logger.ts";
import { version } from "#kit/version.ts";
import { findTailnet } from "#ops/discovery/tailnet.ts";
import type { Runner } from "#ports/runner.ts";
import { createInProcessTransport } from "#worker/link/in-process.ts";
import { loadConfig } from "./config.ts";
import { createProcessLog, type ProcessLog } from "./log.ts";
import { createMcpRelay } from "./mcp/relay.ts";
import { type Paths, paths } from "./paths.ts";
import type { Settings } from "./settings.ts";
import { meetSupervisor } from "./supervisor.ts";
import { createMachineWorker, defaultSlots } from "./worker-parts.ts";

export interface UpOptions {
	readonly port?: number;
	/** Addresses to listen on besides loopback and the configured ones. */
	readonly host?: readonly string[];
	/** Of the embedded worker. */
	readonly slots?: number;
	/** Opens the listeners of `[build_pool]`, whether it is enabled there or not. */
	readonly buildPool?: boolean;
	/** How long the jobs of the embedded worker may go on after the first signal. Absent: as long as it takes. */
	readonly drainTimeout?: number;
	/** Ends after so many milliseconds without work, workers or visitors. */
	readonly idleExit?: number;
	/** A line is written here when it is ready. */
	readonly readyFd?: number;
	/** Of the embedded worker, besides `run`. */
	readonly runners?: readonly Runner[];
	/** How this process calls itself in the name of a token, for `/mcp`. Absent: there is no `/mcp`. */
	readonly connect?: (url: string, token: string) => Promise<Fleet>;
}

/** Runs the coordinator of this home, with its embedded worker, until a signal or idleness ends it. */
export async function runCoordinator(options: UpOptions): Promise<void> {
	const where = paths();
	const { settings } = await loadConfig();
	const log = createProcessLog(settings.log);
	const { logger } = log;
	const ended = deferred();
	const onFatal = (cause: unknown): void => {
		// Nothing may be told any more: what is not on disk is as if it had never been.
		logger.error("cannot go on; the next start recovers", { cause: cause instanceof Error ? cause : String(cause) });
		process.exit(70);
	};
	await using coordinator = await startCoordinator(options, where, settings, logger, onFatal);
	const slots = options.slots ?? settings.coordinator.local_slots ?? defaultSlots();
	await using embedded = await startEmbedded(coordinator, slots, where, settings, logger, options.runners);
	using supervisor = meetSupervisor(logger);
	let deadline: NodeJS.Timeout | undefined;
	using _signals = onShutdown((stage) => {
		supervisor.stopping();
		if (stage === "drain" && embedded) {
			logger.info("draining: a second signal ends what runs here");
			void embedded.worker.drain().then(ended.resolve);
			if (options.drainTimeout !== undefined) deadline = setTimeout(ended.resolve, options.drainTimeout);
		} else if (stage === "kill") process.exit(1);
		else ended.resolve();
	});
	using _memory = collectBuffersCheaply();
	using _file = publishFile(where, coordinator);
	sayReady(coordinator, options, log);
	supervisor.ready(`ready at ${coordinator.url}`);
	using _idle = options.idleExit === undefined ? undefined : watchIdle(coordinator, options.idleExit, ended.resolve);
	await ended.promise;
	clearTimeout(deadline);
}

async function startCoordinator(
	options: UpOptions,
	where: Paths,
	settings: Settings,
	logger: Logger,
	onFatal: (cause: unknown) => void,
): Promise<Coordinator> {
	mkdirSync(where.coordinator, { recursive: true, mode: 0o700 });
	const directory = (name: string): string => join(where.coordinator, name);
	const { coordinator: config } = settings;
	// The journal first: its lock says whether this home has a coordinator already.
	const journal = await openSqliteJournal({ file: directory("journal.db"), logger });
	const history = await openSqliteHistory({ file: directory("history.db"), logger });
	const { addresses, gateways, names } = await findDoors(options, settings, logger);
	const { connect } = options;
	const mcp = connect && createMcpRelay((token) => connect(coordinator.url, token), logger);
	const coordinator: Coordinator = createCoordinator(
		{
			stateDirectory: where.coordinator,
			adminTokenFile: where.adminTokenFile,
			name: workerNameOf(hostname()),
			port: options.port ?? config.port,
			addresses,
			allowedHosts: [...config.allowed_hosts, ...names],
			leaseTtlMs: config.lease_ttl,
			syncMs: config.sync_every,
			pingMs: config.ping_every,
			pongMs: config.pong_within,
			artifactBytesMax: config.artifact_bytes_max,
			...gateways,
		},
		{
			journal,
			history,
			blobs: await openDiskBlobs({ directory: directory("blobs"), logger }),
			snapshots: createSnapshotStore({ directory: directory("git"), now: systemClock.now }),
			logs: createLogs({
				directory: directory("logs"),
				clock: systemClock,
				logger,
				attemptBytesMax: config.log_bytes_max,
				ageMsMax: config.log_retention,
			}),
			clock: systemClock,
			logger,
			onFatal,
			...(mcp && { mcp }),
		},
	);
	await coordinator.start(new AbortController().signal);
	journal.announce(coordinator.url);
	return coordinator;
}

interface Doors {
	/** Besides loopback. */
	readonly addresses: readonly string[];
	readonly gateways: GatewaysConfig;
	/** By which the tailnet knows this machine. */
	readonly names: readonly string[];
}

/** Where it listens, as far as it was told to. Tailscale is asked only if somebody wants its address. */
async function findDoors({ host = [], buildPool = false }: UpOptions, settings: Settings, logger: Logger): Promise<Doors> {
	const { coordinator, build_pool: pool } = settings;
	const main = [...coordinator.listen, ...host];
	const workers = buildPool || pool.enabled ? (pool.listen ?? main) : undefined;
	const git = pool.git_daemon.enabled ? pool.git_daemon.listen : undefined;
	const all = [main, workers ?? [], git ?? []].flat();
	const tailnet = all.includes("tailnet") ? await findTailnet() : undefined;
	const own = tailnet?.addresses ?? [];
	const addressesOf = (listen: readonly string[]): string[] => [
		...new Set(listen.flatMap((address) => (address === "tailnet" ? own : [address]))),
	];
	warnOfOpenDoors(addressesOf(all), own, logger);
	return {
		addresses: addressesOf(main),
		gateways: {
			...(workers && { workersDoor: { port: pool.port, addresses: addressesOf(workers) } }),
			...(git && { gitDaemon: { ...pool.git_daemon, addresses: addressesOf(git) } }),
		},
		names: tailnet?.name ? [tailnet.name, tailnet.name.split(".")[0]!] : [],
	};
}

/** The worker of this very process. It is told from the machine's own worker, if that joins too, by its name. */
async function startEmbedded(
	coordinator: Coordinator,
	slots: number,
	where: Paths,
	settings: Settings,
	logger: Logger,
	runners: readonly Runner[] = [],
) {
	if (slots === 0) return undefined;
	const name = "local";
	const { environment_timeout: environmentMs } = settings.worker;
	const instance = randomUUID();
	const transport = createInProcessTransport({
		url: coordinator.url,
		accept: (side) => coordinator.acceptEmbedded(side, { name, instance }),
	});
	const machine = await createMachineWorker(
		{
			name,
			slots,
			tags: { ...settings.worker.tags },
			stateDirectory: join(where.coordinator, "worker"),
			cacheDirectory: join(where.cache, "local-worker"),
			outputBytesMax: settings.worker.output_bytes_max,
			worktreesMax: settings.worker.worktrees_max,
			isolation: settings.worker.isolation,
			caps: environmentMs === undefined ? {} : { environmentMs },
			transport,
			logger: logger.with({ worker: name }),
			runners,
		},
		new AbortController().signal,
	);
	await machine.worker.start(new AbortController().signal);
	return machine;
}

function warnOfOpenDoors(addresses: readonly string[], tailnet: readonly string[], logger: Logger): void {
	for (const address of addresses.filter((candidate) => !tailnet.includes(candidate) && candidate !== "127.0.0.1" && candidate !== "::1"))
		logger.warn("listens beyond loopback and the tailnet: Covey does not encrypt, so this network must be private", { address });
}

/** Where clients of this home find the coordinator. Gone when it stops; a stale one names a dead process and is not believed. */
function publishFile(where: Paths, coordinator: Coordinator): Disposable {
	const file = { url: coordinator.url, pid: process.pid, startedAt: Date.now(), version };
	writeFileSync(where.coordinatorFile, `${JSON.stringify(file)}\n`, { mode: 0o600 });
	return { [Symbol.dispose]: () => rmSync(where.coordinatorFile, { force: true }) };
}

function sayReady(coordinator: Coordinator, options: UpOptions, { announce }: ProcessLog): void {
	const { url, addresses, fingerprint } = coordinator;
	const others = addresses.filter((address) => !/^(127\.0\.0\.1|\[::1\]):/.test(address));
	announce(`ready at ${url}${others.length > 0 ? ` and ${others.join(", ")}` : ""}`, { url, addresses, fingerprint });
	if (options.idleExit === undefined)
		announce(
			others.length > 0
				? `to add a machine: covey token create join > TOKENFILE, and there: covey join http://${hostname()}:${new URL(url).port} --token-file TOKENFILE`
				: "only this machine reaches it; for others: covey up --host ADDRESS, of a private network, or Tailscale running here",
		);
	if (options.readyFd !== undefined) writeSync(options.readyFd, "ready\n");
}

/** Calls back when nothing has been live, connected or followed for `idleMs`. */
function watchIdle(coordinator: Coordinator, idleMs: number, idle: () => void): Disposable {
	let busyAt = systemClock.monotonic();
	const look = async (): Promise<void> => {
		const counts = await coordinator.control.query((fleet) => fleet.counts());
		const live = Object.values(counts.tasks).reduce((sum, count) => sum + count, 0);
		// One connected worker is the embedded one.
		if (live > 0 || counts.workers.connected > 1 || coordinator.visitors > 0) busyAt = systemClock.monotonic();
		if (systemClock.monotonic() - busyAt >= idleMs) idle();
	};
	const timer = setInterval(() => void look().catch(() => {}), Math.min(30_000, Math.max(100, idleMs / 4)));
	return { [Symbol.dispose]: () => clearInterval(timer) };
}
