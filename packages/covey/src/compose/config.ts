import { existsSync, readFileSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { CoveyError } from "@covey/protocol/errors";
import { paths } from "./paths.ts";
import type { Settings } from "./settings.ts";

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

interface Layer {
	readonly origin: string;
	readonly text?: string;
	readonly values: Tree;
}
type Tree = { [key: string]: unknown };

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

async function resolve(layers: readonly Layer[]): Promise<ResolvedConfig> {
	const { Settings, relations } = await import("./settings.ts");
	for (const layer of layers) {
		const checked = Settings.safeParse(layer.values);
		if (checked.success) continue;
		const issue = checked.error.issues[0]!;
		const unknown = issue.code === "unrecognized_keys" ? issue.keys[0] : undefined;
		const key = [...issue.path, ...(unknown === undefined ? [] : [unknown])].join(".");
		throw broken(layer, key, unknown === undefined ? issue.message : "no such key");
	}
	const merged = layers.reduce<Tree>((sum, layer) => merge(sum, layer.values), {});
	const settings = Settings.parse(merged);
	for (const relation of relations)
		if (!relation.holds(settings)) throw new CoveyError("bad_config", `configuration: ${relation.sentence}`);
	const origins = leaves(settings as Tree)
		.map(([key, value]) => ({ key, value, origin: originOf(layers, key) }))
		.sort((a, b) => (a.key < b.key ? -1 : 1));
	return { settings, origins };
}

function originOf(layers: readonly Layer[], key: string): string {
	const layer = layers.findLast(({ values }) => at(values, key) !== undefined);
	if (layer === undefined) return "default";
	if (layer.text !== undefined) return `${layer.origin}:${position(layer.text, key).split(":")[0]}`;
	return Object.entries(variables).find(([, set]) => set === key)?.[0] ?? layer.origin;
}

async function readLayer(file: string): Promise<Layer | undefined> {
	if (!existsSync(file)) return undefined;
	if (statSync(file).mode & 0o002)
		throw new CoveyError("bad_config", `${file} can be written by everybody on this machine`, { hint: `chmod o-w ${file}` });
	const text = readFileSync(file, "utf8");
	const { parse, TomlError } = await import("smol-toml");
	try {
		return { origin: file, text, values: parse(text) };
	} catch (error) {
		if (!(error instanceof TomlError)) throw error;
		throw new CoveyError("bad_config", `${file}:${error.line}:${error.column}: ${error.message.split("\n")[0]}`, {
			hint: "mend that line, or move the file away",
		});
	}
}

function onlyProjectKeys(layer: Layer | undefined): Layer | undefined {
	if (layer === undefined) return undefined;
	for (const [key] of leaves(layer.values))
		if (key !== "client.namespace" && key !== "client.fallback" && !key.startsWith("commands."))
			throw broken(
				layer,
				key,
				"a project file may set only client.namespace, client.fallback and commands; this belongs into the user's file",
			);
	return layer;
}

function withoutCommands(layer: Layer | undefined): Layer | undefined {
	if (layer !== undefined && "commands" in layer.values)
		throw broken(layer, "commands", "what a project's commands are belongs into the .covey.toml of that project");
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

function broken(layer: Layer, key: string, message: string): CoveyError {
	const place = layer.text === undefined ? layer.origin : `${layer.origin}:${position(layer.text, key)}`;
	return new CoveyError("bad_config", `${place}: ${key || "configuration"}: ${message}`, {
		hint: "covey config show --origin lists every key",
	});
}

/** Line and column of a key in a TOML text; of its section, or 1:1, when it is not written out. */
function position(text: string, key: string): string {
	let section = "";
	let sectionAt = "1:1";
	for (const [index, line] of text.split("\n").entries()) {
		const header = /^\s*\[([^\]]+)\]/.exec(line);
		if (header) {
			section = header[1]!.trim();
			if (`${key}.`.startsWith(`${section}.`)) sectionAt = `${index + 1}:${line.indexOf("[") + 1}`;
			continue;
		}
		const name = /^\s*([\w."-]+)\s*=/.exec(line)?.[1];
		if (
			name !== undefined &&
			(key === (section ? `${section}.${name}` : name) || key.startsWith(section ? `${section}.${name}.` : `${name}.`))
		)
			return `${index + 1}:${line.indexOf(name) + 1}`;
	}
	return sectionAt;
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

/** Two levels: sections and their keys. */
function leaves(tree: Tree): [string, unknown][] {
	return Object.entries(tree).flatMap(([section, value]) =>
		isTree(value)
			? Object.entries(value).map(([key, leaf]): [string, unknown] => [`${section}.${key}`, leaf])
			: [[section, value] as [string, unknown]],
	);
}

function at(tree: Tree, key: string): unknown {
	return key.split(".").reduce<unknown>((value, part) => (isTree(value) ? value[part] : undefined), tree);
}

const isTree = (value: unknown): value is Tree => typeof value === "object" && value !== null && !Array.isArray(value);
