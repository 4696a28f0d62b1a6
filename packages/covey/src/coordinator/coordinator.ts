import { CoveyError } from "@covey/protocol";
import type { Clock } from "#kit/clock.ts";
import type { Logger } from "#kit/logger.ts";
import type { Service } from "#kit/service.ts";
import type { Blobs } from "#ports/blobs.ts";
import type { Control } from "#ports/control.ts";
import type { History } from "#ports/history.ts";
import type { Journal } from "#ports/journal.ts";
import type { McpEndpoint } from "#ports/mcp.ts";
import { Archivist } from "./archivist.ts";
import { ensureAdminToken } from "./auth/admin-token.ts";
import { Admissions } from "./auth/admissions.ts";
import { Authenticator } from "./auth/authenticator.ts";
import { createGuard } from "./auth/guard.ts";
import { Driver } from "./driver.ts";
import { EventFeed } from "./events/feed.ts";
import { type GatewaysConfig, openGateways } from "./gateways.ts";
import type { SnapshotStore } from "./git/store.ts";
import { Housekeeping } from "./housekeeping.ts";
import { createDoor } from "./http/door.ts";
import { EventStreams } from "./http/event-stream.ts";
import { createRoutes } from "./http/routes.ts";
import { createUpgrades } from "./http/upgrades.ts";
import { loadCoordinatorIdentity } from "./identity/identity.ts";
import { createSessionTokens } from "./identity/session-tokens.ts";
import { housekeepingLimits } from "./limits.ts";
import { hostNames, Listeners } from "./listeners.ts";
import type { Logs } from "./logs/log.ts";
import { createMetrics, type Metrics } from "./metrics/metrics.ts";
import type { OperationContext } from "./operations/context.ts";
import { createHandlers } from "./operations/handlers.ts";
import { SnapshotPins } from "./operations/pins.ts";
import { type ClientSocket, createClientSocket } from "./socket/socket.ts";
import type { CoordinatorSideConnection } from "./ws/connection.ts";
import { createLinkServer, type LinkServer } from "./ws/server.ts";

export interface CoordinatorConfig extends GatewaysConfig {
	/** Owned by this coordinator alone: its key lies here. */
	readonly stateDirectory: string;
	readonly adminTokenFile: string;
	/** What it is called; the machine's name. */
	readonly name: string;
	/** 0 picks one. */
	readonly port: number;
	/** Besides loopback. */
	readonly addresses: readonly string[];
	/** Host names besides localhost, the addresses and `name` that clients may call it by. */
	readonly allowedHosts: readonly string[];
	readonly leaseTtlMs?: number;
	readonly syncMs?: number;
	readonly pingMs?: number;
	readonly pongMs?: number;
	/** Artifacts of all tasks together; the least recently used go first. */
	readonly artifactBytesMax?: number;
}

export interface CoordinatorDependencies {
	/** Open, not yet recovered. The coordinator closes journal and history last. */
	readonly journal: Journal;
	readonly history: History;
	readonly blobs: Blobs;
	readonly snapshots: SnapshotStore;
	readonly logs: Logs & Service;
	/** Absent: no `/mcp`. */
	readonly mcp?: McpEndpoint;
	readonly clock: Clock;
	readonly logger: Logger;
	/** The coordinator cannot go on and tells nothing any more: end the process; the next start recovers. */
	readonly onFatal: (cause: unknown) => void;
}

/** The coordinator as its process sees it. Everything but `start` and `stop` is for a started one. */
export interface Coordinator extends Service {
	/** Loopback address for clients on this machine, as in `http://127.0.0.1:8000`. */
	readonly url: string;
	/** All addresses it listens on, with port. */
	readonly addresses: readonly string[];
	/** Of its public key; what join tokens carry. */
	readonly fingerprint: string;
	readonly control: Control;
	/** Client sockets open now. */
	readonly visitors: number;
	/** Takes in the worker of this process. */
	acceptEmbedded(connection: CoordinatorSideConnection, worker: { readonly name: string; readonly instance: string }): void;
}

export function createCoordinator(config: CoordinatorConfig, dependencies: CoordinatorDependencies): Coordinator {
	let running: Running | undefined;
	let stopped: Promise<void> | undefined;
	const started = (): Running => {
		if (running) return running;
		throw new CoveyError("unavailable", "the coordinator has not been started");
	};
	const stop = () => (stopped ??= (async () => (running ? running.stop() : closeStores(dependencies)))());
	return {
		async start(signal) {
			try {
				running = await start(config, dependencies, signal);
			} catch (error) {
				await stop();
				throw error;
			}
		},
		stop,
		[Symbol.asyncDispose]: stop,
		get url() {
			return started().url;
		},
		get addresses() {
			return started().listeners.addresses;
		},
		get fingerprint() {
			return started().fingerprint;
		},
		get control() {
			return started().control;
		},
		get visitors() {
			return started().clients.size;
		},
		acceptEmbedded: (connection, worker) => started().link.acceptEmbedded(connection, worker),
	};
}

interface Running {
	readonly url: string;
	readonly fingerprint: string;
	readonly control: Control;
	readonly listeners: Listeners;
	readonly link: LinkServer;
	readonly clients: ClientSocket;
	stop(): Promise<void>;
}

/** Brings the parts up from the inside out; on failure, and at the stop, they go down from the outside in. */
async function start(config: CoordinatorConfig, dependencies: CoordinatorDependencies, signal: AbortSignal): Promise<Running> {
	const { journal, history, snapshots, clock, logger, logs } = dependencies;
	await using parts = new AsyncDisposableStack();
	const startedAt = clock.now();
	const identity = await loadCoordinatorIdentity(config.stateDirectory, config.name);
	const adminSecretHash = await ensureAdminToken(config.adminTokenFile);
	await logs.start(signal);
	parts.defer(() => logs.stop());
	const archivist = new Archivist({ history, clock, logger });
	const { driver, metrics } = createDriver(config, dependencies, archivist);
	parts.use(driver);
	await driver.start(signal);
	const feed = parts.use(new EventFeed(driver));
	const pins = parts.use(new SnapshotPins(snapshots, driver));
	await pins.recover(driver);
	const { artifactBytesMax = housekeepingLimits.artifactBytesMax } = config;
	parts.use(new Housekeeping({ ...dependencies, artifactBytesMax }));

	const sessions = createSessionTokens(clock.now);
	const find = (id: string) => driver.query((fleet) => fleet.token(id));
	const authenticator = new Authenticator({ adminSecretHash, sessions, now: clock.now, find });
	const admissions = parts.use(new Admissions(feed, clock.now));
	const linkOptions = { ...pick(config, ["leaseTtlMs", "syncMs", "pingMs", "pongMs"]), control: driver, logs, identity, clock, logger };
	const link = parts.use(createLinkServer({ ...linkOptions, sessionTokens: sessions, authenticator, admissions }));

	const context: OperationContext = {
		control: driver,
		history,
		feed,
		clock,
		logs,
		snapshots,
		pins,
		identity: { coordinator: identity.name, fingerprint: identity.fingerprint },
		startedAt,
		url: () => url,
		listeners: () => gateways.status(),
		drain: () => driver.drain(),
		look: (work) => archivist.look(work),
		rebuildHistory: () => archivist.rebuild(journal),
	};
	const handlers = createHandlers(context);
	const heard = [...config.addresses, ...(config.workersDoor?.addresses ?? [])];
	const guard = createGuard(["localhost", "127.0.0.1", "::1", config.name, ...hostNames(heard), ...config.allowedHosts]);
	const clients = createClientSocket({ authenticator, admissions, handlers, context, logs, logger });
	parts.defer(() => clients.stop());
	const streams = new EventStreams();
	const routes = createRoutes({ ...dependencies, context, handlers, metrics, streams, link });
	const listeners = new Listeners({
		port: config.port,
		addresses: config.addresses,
		onRequest: createDoor({ guard, authenticator, admissions, routes, logger }),
		onUpgrade: createUpgrades({ guard, clients, link, logger }),
		logger,
	});
	await listeners.open();
	parts.defer(() => listeners.close());
	const gateways = parts.use(await openGateways(config, { ...dependencies, ...config, guard, link, main: listeners }));
	const url = `http://127.0.0.1:${listeners.port}`;

	const toClose = parts.move();
	return {
		url,
		fingerprint: identity.fingerprint,
		control: driver,
		listeners,
		link,
		clients,
		async stop() {
			driver.drain();
			streams.endAll();
			const closed = listeners.close();
			await Promise.all([clients.stop(), link.stop()]);
			await closed;
			await toClose.disposeAsync();
			await closeStores(dependencies);
		},
	};
}

function createDriver(
	config: CoordinatorConfig,
	{ journal, clock, logger, onFatal }: CoordinatorDependencies,
	archivist: Archivist,
): { driver: Driver; metrics: Metrics } {
	const driver: Driver = new Driver({
		journal,
		archivist,
		clock,
		logger,
		onFatal,
		onCommit: (commit) => metrics.committed(commit),
		fleet: pick(config, ["leaseTtlMs"]),
	});
	const metrics = createMetrics(driver);
	return { driver, metrics };
}

/** What the journal took is safe before history closes, which can be fed again. */
async function closeStores({ journal, history }: CoordinatorDependencies): Promise<void> {
	await history.close();
	await journal.close();
}

function pick<T extends object, K extends keyof T>(from: T, keys: readonly K[]): Pick<T, K> {
	return Object.fromEntries(keys.filter((key) => from[key] !== undefined).map((key) => [key, from[key]])) as Pick<T, K>;
}
