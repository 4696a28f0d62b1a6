import { parse } from "smol-toml";
import type { ProjectFiles } from "./recipe.ts";

/** A table of a manifest, of which nothing is known yet. */
export type Table = Readonly<Record<string, unknown>>;

/** A TOML file; undefined when there is none, empty when it cannot be read: the tool itself will say what is wrong with it. */
export async function readToml(files: ProjectFiles, path: string): Promise<Table | undefined> {
	const text = await files.read(path);
	return text === undefined ? undefined : table(attempt(() => parse(text)));
}

/** A JSON file, with comments and trailing commas if it has them; like `readToml`. */
export async function readJson(files: ProjectFiles, path: string): Promise<Table | undefined> {
	const text = await files.read(path);
	return text === undefined ? undefined : table(attempt(() => JSON.parse(text)) ?? attempt(() => JSON.parse(withoutComments(text))));
}

/** The value as a table, by a path of keys; empty when it is none. */
export function table(value: unknown, ...keys: readonly string[]): Table {
	const found = keys.reduce<unknown>((at, key) => (isTable(at) && Object.hasOwn(at, key) ? at[key] : undefined), value);
	return isTable(found) ? found : {};
}

/** The texts of an array; none when it is no array. */
export function texts(value: unknown): readonly string[] {
	return Array.isArray(value) ? value.filter((entry) => typeof entry === "string") : [];
}

const isTable = (value: unknown): value is Table => typeof value === "object" && value !== null && !Array.isArray(value);

function attempt<T>(parseIt: () => T): T | undefined {
	try {
		return parseIt();
	} catch {
		return undefined;
	}
}

function withoutComments(text: string): string {
	const bare = text.replace(/("(?:[^"\\\n]|\\.)*")|\/\*[\s\S]*?\*\/|\/\/[^\n]*/g, (_, string?: string) => string ?? " ");
	return bare.replace(/("(?:[^"\\\n]|\\.)*")|,(?=\s*[}\]])/g, (_, string?: string) => string ?? "");
}
