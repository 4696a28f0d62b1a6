import { existsSync, readFileSync, statSync } from "node:fs";
import { CoveyError } from "@covey/protocol/errors";
import type { z } from "zod";

/** What was read of one place that settings come from. */
export interface Layer {
	readonly origin: string;
	/** Of a file, as it stands there. */
	readonly text?: string;
	readonly values: Tree;
}

export type Tree = { [key: string]: unknown };

/**
 * A TOML file; undefined when there is none.
 * @throws CoveyError `bad_config` with file, line and column, or when everybody on this machine may write it.
 */
export async function readLayer(file: string): Promise<Layer | undefined> {
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

/** What the schema makes of a layer. @param hint the way out. @throws CoveyError `bad_config` that names the place of the first fault. */
export function checkLayer<T>(schema: z.ZodType<T>, layer: Layer, hint: string): T {
	const checked = schema.safeParse(layer.values);
	if (checked.success) return checked.data;
	const issue = checked.error.issues[0]!;
	const unknown = issue.code === "unrecognized_keys" ? issue.keys[0] : undefined;
	const key = [...issue.path, ...(unknown === undefined ? [] : [unknown])].join(".");
	throw broken(layer, key, unknown === undefined ? issue.message : "no such key", hint);
}

export function broken(layer: Layer, key: string, message: string, hint: string): CoveyError {
	return new CoveyError("bad_config", `${placeOf(layer, key)}: ${key || "configuration"}: ${message}`, { hint });
}

/** As in `/etc/covey/config.toml:3:1`. */
export function placeOf({ origin, text }: Layer, key: string): string {
	return text === undefined ? origin : `${origin}:${position(text, key)}`;
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

export function at(tree: Tree, key: string): unknown {
	return key.split(".").reduce<unknown>((value, part) => (isTree(value) ? value[part] : undefined), tree);
}

/** The same tree with this one value in it. */
export function withValue(tree: Tree, key: string, value: unknown): Tree {
	const [first, ...rest] = key.split(".") as [string, ...string[]];
	if (rest.length === 0) return { ...tree, [first]: value };
	const below = tree[first];
	return { ...tree, [first]: withValue(isTree(below) ? below : {}, rest.join("."), value) };
}

export const isTree = (value: unknown): value is Tree => typeof value === "object" && value !== null && !Array.isArray(value);
