import { homedir } from "node:os";
import { join } from "node:path";

/** Where everything of one machine lives. Two homes are two machines. */
export interface Paths {
	readonly config: string;
	readonly state: string;
	readonly cache: string;
	readonly configFile: string;
	readonly systemConfigFile: string;
	/** The coordinator's own: journal, history, logs, blobs, snapshots, keys. */
	readonly coordinator: string;
	/** Says where the coordinator of this home listens, while it runs. */
	readonly coordinatorFile: string;
	readonly adminTokenFile: string;
	/** The worker's own: identity, spool. */
	readonly worker: string;
	/** Object stores and warm worktrees: may be deleted at any time while no worker runs. */
	readonly workerCache: string;
	/** Snapshot objects and indexes of the client. */
	readonly clientCache: string;
}

/** By the XDG base directory specification; relative values are ignored, as it asks. */
export function paths(environment: Readonly<Record<string, string | undefined>> = process.env): Paths {
	const home = environment.HOME || homedir();
	const base = (name: string, otherwise: string) => {
		const value = environment[name];
		return join(value?.startsWith("/") ? value : join(home, otherwise), "covey");
	};
	const config = base("XDG_CONFIG_HOME", ".config");
	const state = base("XDG_STATE_HOME", ".local/state");
	const cache = base("XDG_CACHE_HOME", ".cache");
	const coordinator = join(state, "coordinator");
	return {
		config,
		state,
		cache,
		configFile: join(config, "config.toml"),
		systemConfigFile: environment.COVEY_SYSTEM_CONFIG || "/etc/covey/config.toml",
		coordinator,
		coordinatorFile: join(coordinator, "coordinator.json"),
		adminTokenFile: join(coordinator, "admin.token"),
		worker: join(state, "worker"),
		workerCache: join(cache, "worker"),
		clientCache: join(cache, "client"),
	};
}
