import { CoveyError } from "@covey/protocol/errors";
import { parse, stringify } from "smol-toml";
import type { ClientConfig } from "./clients.ts";

type Tree = { [key: string]: unknown };

const begin = "# covey mcp install: from here";
const end = "# covey mcp install: to here";

/**
 * A client's configuration with our entry in it, or without. All else stays as it is: JSON keeps its order and indent,
 * TOML its every line.
 *
 * @param text undefined: there is no such file yet.
 * @throws CoveyError `bad_config` for a file that cannot be read as what it is; `conflict` for an entry that somebody else wrote into TOML.
 */
export function withEntry(config: Pick<ClientConfig, "format" | "at">, file: string, text: string | undefined, entry: object): string {
	return config.format === "json" ? editJson(config.at, file, text, entry) : addToml(config.at, file, text ?? "", entry);
}

/** Undefined: nothing of ours is in it. */
export function withoutEntry(config: Pick<ClientConfig, "format" | "at">, file: string, text: string): string | undefined {
	if (config.format === "toml") {
		const rest = cutToml(text);
		return rest === text ? undefined : rest;
	}
	return at(readJson(file, text), config.at) === undefined ? undefined : editJson(config.at, file, text, undefined);
}

function editJson(path: readonly string[], file: string, text: string | undefined, entry: object | undefined): string {
	const tree = text === undefined || text.trim() === "" ? {} : readJson(file, text);
	const [name, ...parents] = [...path].reverse() as [string, ...string[]];
	let place = tree;
	for (const key of parents.reverse()) {
		const next = (place[key] ??= {});
		if (typeof next !== "object" || next === null || Array.isArray(next))
			throw new CoveyError("bad_config", `${file}: ${key} is no object`);
		place = next as Tree;
	}
	if (entry === undefined) delete place[name];
	else place[name] = entry;
	const indent = /^([ \t]+)"/m.exec(text ?? "")?.[1] ?? "  ";
	return `${JSON.stringify(tree, null, indent)}\n`;
}

function readJson(file: string, text: string): Tree {
	try {
		const tree: unknown = JSON.parse(text);
		if (typeof tree === "object" && tree !== null && !Array.isArray(tree)) return tree as Tree;
	} catch {
		// Comments, as some clients allow them: rewriting would lose them.
	}
	throw new CoveyError("bad_config", `${file} is no plain JSON object (has it comments?), so it is left as it is`, {
		hint: "add the entry yourself: covey mcp install --print shows it",
	});
}

function addToml(path: readonly string[], file: string, text: string, entry: object): string {
	const rest = cutToml(text);
	let tree: Tree;
	try {
		tree = parse(rest) as Tree;
	} catch (error) {
		throw new CoveyError("bad_config", `${file} is no TOML: ${(error as Error).message.split("\n", 1)[0]}`);
	}
	if (at(tree, path) !== undefined)
		throw new CoveyError("conflict", `${file} has an entry ${path.join(".")} that was not written by covey mcp install`, {
			hint: "take it out, then install again",
		});
	const block = stringify(path.reduceRight<Tree>((inner, key) => ({ [key]: inner }), entry as Tree)).trim();
	return `${rest === "" ? "" : `${rest.trimEnd()}\n\n`}${begin}\n${block}\n${end}\n`;
}

/** Without the lines between our marks. */
function cutToml(text: string): string {
	const from = text.indexOf(begin);
	const to = text.indexOf(end, from);
	if (from < 0 || to < 0) return text;
	const before = text.slice(0, from).trimEnd();
	const after = text.slice(to + end.length).trimStart();
	return [...(before === "" ? [] : [`${before}\n`]), ...(after === "" ? [] : [after])].join("\n");
}

function at(tree: Tree, path: readonly string[]): unknown {
	return path.reduce<unknown>((place, key) => (place as Tree | undefined)?.[key], tree);
}

/** The lines that differ, with a mark before each: what changes is one piece. */
export function changeOf(before: string, after: string): string[] {
	const [old, fresh] = [before.split("\n"), after.split("\n")];
	let start = 0;
	while (start < Math.min(old.length, fresh.length) && old[start] === fresh[start]) start++;
	let same = 0;
	while (same < Math.min(old.length, fresh.length) - start && old.at(-1 - same) === fresh.at(-1 - same)) same++;
	return [
		...old.slice(start, old.length - same).map((line) => `- ${line}`),
		...fresh.slice(start, fresh.length - same).map((line) => `+ ${line}`),
	];
}
