import { networkInterfaces } from "node:os";
import { join } from "node:path";
import type { ListenerStatus } from "@covey/protocol";
import { CoveyError } from "@covey/protocol/errors";
import type { Clock } from "#kit/clock.ts";
import type { Logger } from "#kit/logger.ts";
import type { Guard } from "./auth/guard.ts";
import { GitDaemon } from "./git/daemon.ts";
import { exportRepositories } from "./git/export.ts";
import type { SnapshotStore } from "./git/store.ts";
import { sendError } from "./http/answer.ts";
import { createWorkerUpgrades } from "./http/upgrades.ts";
import { Listeners } from "./listeners.ts";
import type { LinkServer } from "./ws/server.ts";

/** What a coordinator listens with besides its own port, where it is asked to. */
export interface GatewaysConfig {
	/** A port for workers alone. */
	readonly workersDoor?: { readonly port: number; readonly addresses: readonly string[] };
	/** Read-only git without any token. */
	readonly gitDaemon?: { readonly port: number; readonly addresses: readonly string[]; readonly repositories: readonly string[] };
}

export interface GatewaysDependencies {
	readonly stateDirectory: string;
	readonly guard: Guard;
	readonly link: LinkServer;
	readonly snapshots: SnapshotStore;
	/** The coordinator's own listeners, open. */
	readonly main: Listeners;
	readonly clock: Clock;
	readonly logger: Logger;
}

export interface Gateways extends AsyncDisposable {
	/** All that is listened with, the main listeners first. */
	status(): readonly ListenerStatus[];
}

/** @throws CoveyError when a port or address cannot be had, or a repository cannot be served. */
export async function openGateways(config: GatewaysConfig, dependencies: GatewaysDependencies): Promise<Gateways> {
	await using parts = new AsyncDisposableStack();
	const { main } = dependencies;
	const told: (() => ListenerStatus)[] = [() => ({ purpose: "api", addresses: main.addresses, up: true })];
	if (config.workersDoor !== undefined) {
		const door = await openWorkersDoor(config.workersDoor, dependencies);
		parts.defer(() => door.close());
		told.push(() => ({ purpose: "workers", addresses: door.addresses, up: true }));
	}
	if (config.gitDaemon !== undefined) {
		const { port } = config.gitDaemon;
		const addresses = [...loopback(), ...config.gitDaemon.addresses];
		const daemon = parts.use(await startGitDaemon({ ...config.gitDaemon, addresses }, dependencies));
		const shown = addresses.map((address) => (address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`));
		told.push(() => ({ purpose: "git", addresses: shown, ...daemon.status }));
	}
	const opened = parts.move();
	return { status: () => told.map((tell) => tell()), [Symbol.asyncDispose]: () => opened.disposeAsync() };
}

/** In the families that this machine has. */
function loopback(): readonly string[] {
	const own = Object.values(networkInterfaces()).flatMap((each) => each?.map(({ address }) => address) ?? []);
	return ["127.0.0.1", "::1"].filter((address) => own.includes(address));
}

async function openWorkersDoor(
	{ port, addresses }: NonNullable<GatewaysConfig["workersDoor"]>,
	{ guard, link, main, logger }: GatewaysDependencies,
): Promise<Listeners> {
	const door = new Listeners({
		port,
		addresses,
		onRequest: (_, response) => sendError(response, new CoveyError("not_found", "here is only /ws, for workers")),
		onUpgrade: createWorkerUpgrades({ guard, link, httpPort: () => main.port, logger }),
		logger,
	});
	await door.open();
	return door;
}

async function startGitDaemon(
	config: NonNullable<GatewaysConfig["gitDaemon"]>,
	{ stateDirectory, snapshots, clock, logger }: GatewaysDependencies,
): Promise<GitDaemon> {
	const base = join(stateDirectory, "git-daemon");
	const repositories = await exportRepositories({ base, repositories: config.repositories, snapshots, logger });
	const daemon = new GitDaemon({ ...config, base, repositories, clock, logger });
	await daemon.start(new AbortController().signal);
	return daemon;
}
