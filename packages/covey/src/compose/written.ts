import { z } from "zod";
import { exactDuration } from "#kit/duration.ts";
import { Bytes, Duration, Settings } from "./settings.ts";

/** What the number of a setting counts. */
export type Unit = "ms" | "bytes";

const schemaUnits = new Map<unknown, Unit>([
	[Duration, "ms"],
	[Bytes, "bytes"],
]);

const { commands: _, ...sections } = Settings.shape;

/** The settings that are no plain numbers, as in `coordinator.lease_ttl`. */
const units: ReadonlyMap<string, Unit> = new Map(Object.entries(sections).flatMap(([section, schema]) => unitsOf(section, schema)));

function unitsOf(key: string, schema: z.core.$ZodType): [string, Unit][] {
	const plain = "unwrap" in schema ? (schema as z.ZodOptional).unwrap() : schema;
	if (plain instanceof z.ZodObject) return Object.entries(plain.shape).flatMap(([name, field]) => unitsOf(`${key}.${name}`, field));
	const unit = schemaUnits.get(plain);
	return unit === undefined ? [] : [[key, unit]];
}

/** Of the number that a setting is inside; undefined for a plain one. */
export const unitOf = (key: string): Unit | undefined => units.get(key);

/** A setting's value as a person would write it into the configuration file: TOML, with `"1m30s"` for 90,000 milliseconds. */
export function writtenValue(key: string, value: unknown): string {
	const unit = unitOf(key);
	if (unit === "ms") return quoted(exactDuration(value as number));
	if (unit === "bytes") return size(value as number);
	if (key === "client.fallback" && typeof value === "object")
		return quoted(`after:${exactDuration((value as { afterMs: number }).afterMs)}`);
	return inline(value);
}

function inline(value: unknown): string {
	if (typeof value !== "object" || value === null || Array.isArray(value)) return quoted(value);
	const pairs = Object.entries(value).map(([name, inner]) => `${quoted(name)} = ${inline(inner)}`);
	return pairs.length === 0 ? "{}" : `{ ${pairs.join(", ")} }`;
}

/** Strings, numbers, truths and lists of them are the same in JSON and in TOML. */
const quoted = (value: unknown): string => JSON.stringify(value);

/** In the largest unit that leaves nothing over. */
function size(bytes: number): string {
	const power = [4, 3, 2, 1].find((exponent) => bytes > 0 && bytes % 1024 ** exponent === 0);
	return power === undefined ? String(bytes) : quoted(`${bytes / 1024 ** power}${"KMGT"[power - 1]}`);
}
