import { readFileSync, statSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { Tags, WorkerName } from "@covey/protocol";
import { CoveyError } from "@covey/protocol/errors";
import { z } from "zod";
import { broken, checkLayer, readLayer } from "./config-file.ts";
import { Bytes, Duration } from "./settings.ts";

/** An address of a coordinator as its base URL: the WebSocket's own schemes and path are understood. */
const ServerUrl = z.union([z.array(z.unknown()), z.string()]).transform((value, context) => {
	const refuse = (message: string): never => {
		context.addIssue({ code: "custom", message });
		return z.NEVER;
	};
	if (typeof value !== "string")
		return refuse("one build agent serves one coordinator; start another one with a file and a stateDir of its own");
	const url = URL.parse(value.replace(/^ws/, "http"));
	if (url === null || !/^https?:$/.test(url.protocol) || !/^\/(ws\/?)?$/.test(url.pathname) || url.search !== "" || url.hash !== "")
		return refuse(`${JSON.stringify(value)} is no coordinator's address; write it as in ws://host:8080 or http://host:8000`);
	if (url.username !== "" || url.password !== "") return refuse("an address holds no credentials; a join token belongs into joinTokenFile");
	return url.origin;
});

const Path = z.string().min(1).max(4096);
const AtLeastASecond = Duration.refine((ms) => ms >= 1000, "at least 1s");

/** The file of a build agent, as `/etc/build-agent/config.toml`. Described in docs/build-agent.md. */
const BuildAgentFile = z.strictObject({
	serverUrl: ServerUrl,
	/** Default: the machine's name. */
	name: WorkerName.optional(),
	/** Jobs at once. Default: half the cores. */
	maxJobs: z.number().int().min(1).max(4096).optional(),
	tags: Tags.default({}),
	/** Holds a join token, until the coordinator knows this agent. `%d/NAME` is a credential that systemd hands over. */
	joinTokenFile: Path.optional(),
	isolation: z.number().int().min(0).max(3).default(0),
	/** Identity, spool. Default: `$STATE_DIRECTORY`, else where a worker's state is anyway. */
	stateDir: Path.optional(),
	gitCacheDir: Path.optional(),
	worktreeDir: Path.optional(),
	/** Warm worktrees kept, over all repositories. */
	worktreesMax: z.number().int().min(1).max(256).default(8),
	outputMax: Bytes.default(1024 ** 3),

	jobTimeout: AtLeastASecond.optional(),
	environmentTimeout: AtLeastASecond.optional(),
	gracePeriod: Duration.default(30_000),
	/** Of a shutdown: what runs may end, and then is ended. */
	drainTimeout: Duration.default(600_000),
	connectTimeout: AtLeastASecond.default(10_000),
	reconnectMin: Duration.refine((ms) => ms >= 10, "at least 10ms").default(250),
	reconnectMax: AtLeastASecond.default(30_000),
	pingInterval: AtLeastASecond.default(30_000),
	pongTimeout: Duration.refine((ms) => ms >= 100, "at least 100ms").default(10_000),
});
export type BuildAgentConfig = z.output<typeof BuildAgentFile>;

const hint = "docs/build-agent.md describes every key";

/**
 * Relative paths are understood from the file's own directory.
 * @throws CoveyError `bad_config` with file, line and column.
 */
export async function readBuildAgentConfig(file: string, environment: NodeJS.ProcessEnv = process.env): Promise<BuildAgentConfig> {
	const path = resolve(file);
	const layer = await readLayer(path);
	if (layer === undefined) throw new CoveyError("bad_config", `there is no ${path}`, { hint });
	const config = checkLayer(BuildAgentFile, layer, hint);
	if (config.reconnectMin > config.reconnectMax) throw broken(layer, "reconnectMin", "is longer than reconnectMax", hint);
	if (config.pongTimeout > config.pingInterval)
		throw broken(layer, "pongTimeout", "is longer than pingInterval, so that pings would overtake each other", hint);
	const place = (key: "joinTokenFile" | "stateDir" | "gitCacheDir" | "worktreeDir") => {
		const value = config[key];
		if (value === undefined) return undefined;
		if (!value.startsWith("%d/")) return resolve(dirname(path), value);
		if (environment.CREDENTIALS_DIRECTORY) return join(environment.CREDENTIALS_DIRECTORY, value.slice("%d/".length));
		throw broken(layer, key, "%d is where systemd puts a service's credentials, and this process was handed none", hint);
	};
	return {
		...config,
		joinTokenFile: place("joinTokenFile"),
		stateDir: place("stateDir") ?? environment.STATE_DIRECTORY?.split(":")[0],
		gitCacheDir: place("gitCacheDir"),
		worktreeDir: place("worktreeDir"),
	};
}

/**
 * Whoever can read it can join the fleet. What systemd hands over is guarded by its directory, whatever its mode says.
 * @returns undefined when there is no such file, or nothing in it. @throws CoveyError `forbidden` when others may read it.
 */
export function readJoinToken(file: string, environment: NodeJS.ProcessEnv = process.env): string | undefined {
	const stats = statSync(file, { throwIfNoEntry: false });
	if (stats === undefined) return undefined;
	const { CREDENTIALS_DIRECTORY: credentials } = environment;
	const guarded = credentials !== undefined && file.startsWith(`${credentials}/`);
	if (!guarded && stats.mode & 0o077)
		throw new CoveyError("forbidden", `joinTokenFile ${file} can be read by others (mode ${(stats.mode & 0o777).toString(8)})`, {
			hint: `chmod 600 ${file}`,
		});
	return readFileSync(file, "utf8").trim() || undefined;
}
