import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { CoveyError } from "@covey/protocol/errors";
import { at, broken, checkLayer, isTree, type Layer, placeOf, readLayer, type Tree } from "./config-file.ts";
import { paths } from "./paths.ts";
import type { Settings } from "./settings.ts";
import type { Spelled } from "./spellings.ts";

/** Where a value came from. */
export interface Origin {
	readonly key: string;
	readonly value: unknown;
	/** A file with its line, a variable's name, or `default`. */
	readonly origin: string;
}

export interface ResolvedConfig {
	readonly settings: Settings;
	/** One per key, sorted, for `covey config show --origin`. */
	readonly origins: readonly Origin[];
}

/** Variables that set one key each; they outrank files. */
const variables: Readonly<Record<string, string>> = {
	COVEY_CLIENT_AUTOSTART: "client.autostart",
	COVEY_NAMESPACE: "client.namespace",
	COVEY_FALLBACK: "client.fallback",
	COVEY_COORDINATOR_PORT: "coordinator.port",
	COVEY_COORDINATOR_LOCAL_SLOTS: "coordinator.local_slots",
	COVEY_COORDINATOR_LEASE_TTL: "coordinator.lease_ttl",
	COVEY_COORDINATOR_SYNC_EVERY: "coordinator.sync_every",
	COVEY_COORDINATOR_PING_EVERY: "coordinator.ping_every",
	COVEY_COORDINATOR_PONG_WITHIN: "coordinator.pong_within",
	COVEY_WORKER_NAME: "worker.name",
	COVEY_WORKER_SLOTS: "worker.slots",
	COVEY_MCP_WAIT_MAX: "mcp.wait_max",
	COVEY_MCP_TIMEOUT: "mcp.timeout",
	COVEY_MCP_HOLD: "mcp.hold",
	COVEY_LOG_LEVEL: "log.level",
	COVEY_LOG_FORMAT: "log.format",
};

const hint = "covey config show --origin lists every key";

/** Sections inside of a section. Any other table there is a value, as `worker.tags`. */
const subsections: ReadonlySet<string> = new Set(["build_pool.git_daemon", "build_pool.local_fallback", "build_pool.timeouts"]);

/**
 * Flags (the caller's own) > environment > project file (`.covey.toml`, upwards) > user file > system file > default.
 * A project file travels with a repository, so it may set only what concerns the work: `client.namespace`, `client.fallback`
 * and `commands`. These last are run on a worker, in a worktree of that very repository, for whoever asks to build or test
 * it: they can do no more than its build script or its tests can.
 * @throws CoveyError `bad_config` that names file, line and column.
 */
export async function loadConfig(environment: NodeJS.ProcessEnv = process.env, directory: string = process.cwd()): Promise<ResolvedConfig> {
	const { systemConfigFile, configFile } = paths(environment);
	const project = findUpwards(directory, ".covey.toml");
	const files = [
		withoutCommands(await readLayer(systemConfigFile)),
		withoutCommands(await readLayer(configFile)),
		project ? onlyProjectKeys(await readLayer(project)) : undefined,
	];
	const layers = [...files.filter((layer) => layer !== undefined), environmentLayer(environment)];
	return resolve(layers);
}

async function resolve(given: readonly Layer[]): Promise<ResolvedConfig> {
	const { Settings, relations } = await import("./settings.ts");
	const { respell } = await import("./spellings.ts");
	const layers = given.map((layer) => respell(layer, checkLayer(Settings, layer, hint)));
	const merged = layers.reduce<Tree>((sum, layer) => merge(sum, layer.values), {});
	const settings = Settings.parse(merged);
	for (const relation of relations)
		if (!relation.holds(settings)) throw new CoveyError("bad_config", `configuration: ${relation.sentence}`);
	const origins = leaves(settings as Tree)
		.map(([key, value]) => ({ key, value, origin: originOf(layers, key) }))
		.sort((a, b) => (a.key < b.key ? -1 : 1));
	return { settings, origins };
}

function originOf(layers: readonly Spelled[], key: string): string {
	const layer = layers.findLast(({ values }) => at(values, key) !== undefined);
	if (layer === undefined) return "default";
	if (layer.text !== undefined) return placeOf(layer, layer.spelled.get(key) ?? key).replace(/:\d+$/, "");
	return Object.entries(variables).find(([, set]) => set === key)?.[0] ?? layer.origin;
}

function onlyProjectKeys(layer: Layer | undefined): Layer | undefined {
	if (layer === undefined) return undefined;
	for (const [key] of leaves(layer.values))
		if (key !== "client.namespace" && key !== "client.fallback" && !key.startsWith("commands."))
			throw broken(
				layer,
				key,
				"a project file may set only client.namespace, client.fallback and commands; this belongs into the user's file",
				hint,
			);
	return layer;
}

function withoutCommands(layer: Layer | undefined): Layer | undefined {
	if (layer !== undefined && "commands" in layer.values)
		throw broken(layer, "commands", "what a project's commands are belongs into the .covey.toml of that project", hint);
	return layer;
}

function environmentLayer(environment: NodeJS.ProcessEnv): Layer {
	const values: Tree = {};
	for (const [name, key] of Object.entries(variables)) {
		const text = environment[name];
		if (text === undefined || text === "") continue;
		const [section, field] = key.split(".") as [string, string];
		const number = /^\d+$/.test(text) ? Number(text) : undefined;
		(values[section] as Tree | undefined) ?? (values[section] = {});
		(values[section] as Tree)[field] = text === "true" || text === "false" ? text === "true" : (number ?? text);
	}
	return { origin: "environment", values };
}

function findUpwards(directory: string, name: string): string | undefined {
	for (let at = directory; ; at = dirname(at)) {
		const file = join(at, name);
		if (existsSync(file)) return file;
		if (at === dirname(at)) return undefined;
	}
}

function merge(below: Tree, above: Tree): Tree {
	const result: Tree = { ...below };
	for (const [key, value] of Object.entries(above)) result[key] = isTree(value) && isTree(result[key]) ? merge(result[key], value) : value;
	return result;
}

/** Sections and their keys. */
function leaves(tree: Tree, path = ""): [string, unknown][] {
	return Object.entries(tree).flatMap(([name, value]) => {
		const key = path === "" ? name : `${path}.${name}`;
		const isSection = isTree(value) && (path === "" || subsections.has(key));
		return isSection ? leaves(value, key) : [[key, value] as [string, unknown]];
	});
}
