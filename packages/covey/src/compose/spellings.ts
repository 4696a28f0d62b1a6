import { isDeepStrictEqual } from "node:util";
import { at, broken, type Layer, placeOf, type Tree, withValue } from "./config-file.ts";

/** A key of `[build_pool]` that says what another key says too. */
interface Spelling {
	readonly key: string;
	readonly means: string;
	/** What stands there then; undefined: nothing. Default: the same. */
	readonly as?: (value: never) => unknown;
}

/** The words of the build pool for settings that every coordinator has. */
export const spellings: readonly Spelling[] = [
	{ key: "build_pool.timeouts.lease", means: "coordinator.lease_ttl" },
	{ key: "build_pool.timeouts.sync", means: "coordinator.sync_every" },
	{ key: "build_pool.timeouts.ping", means: "coordinator.ping_every" },
	{ key: "build_pool.timeouts.pong", means: "coordinator.pong_within" },
	{ key: "build_pool.timeouts.job", means: "mcp.timeout" },
	{ key: "build_pool.timeouts.environment", means: "worker.environment_timeout" },
	{ key: "build_pool.local_fallback.slots", means: "coordinator.local_slots" },
	{ key: "build_pool.local_fallback.enabled", means: "coordinator.local_slots", as: (enabled: boolean) => (enabled ? undefined : 0) },
	{ key: "build_pool.local_fallback.after", means: "client.fallback", as: (afterMs: number) => ({ afterMs }) },
];

/** A layer in which only the keys are set that count, and by which key each of them was. */
export interface Spelled extends Layer {
	readonly spelled: ReadonlyMap<string, string>;
}

/**
 * Writes what `[build_pool]` says to where it counts, so that the order of files and variables holds for both words.
 * @param read the values of the layer as the schema reads them.
 * @throws CoveyError `bad_config` that names both lines, when one file says two different things.
 */
export function respell(layer: Layer, read: Tree): Spelled {
	let values = layer.values;
	const spelled = new Map<string, string>();
	const said = new Map<string, { readonly key: string; readonly value: unknown }>();
	for (const { key, means, as = (value: unknown) => value } of spellings) {
		if (at(layer.values, means) !== undefined && !said.has(means)) said.set(means, { key: means, value: at(read, means) });
		if (at(layer.values, key) === undefined) continue;
		const value = as(at(read, key) as never);
		if (value === undefined) continue;
		const other = said.get(means);
		if (other !== undefined && !isDeepStrictEqual(other.value, value))
			throw broken(
				layer,
				key,
				`says otherwise than ${other.key} at ${placeOf(layer, other.key)}, and both are ${means}`,
				"keep one of the two lines",
			);
		if (other === undefined) {
			said.set(means, { key, value });
			spelled.set(means, key);
			values = withValue(values, means, value);
		}
	}
	return { ...layer, values, spelled };
}
