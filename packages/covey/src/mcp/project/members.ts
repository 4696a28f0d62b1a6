import { closest } from "#kit/closest.ts";
import type { Meaningless, ProjectFiles } from "./recipe.ts";
import { listed } from "./wording.ts";

/** A member of a workspace. */
export interface Member {
	readonly name: string;
	/** From the root, with forward slashes. */
	readonly directory: string;
}

const directoriesMax = 1000;
/** Directories that are listed for one workspace. */
const listsMax = 300;
const depthMax = 4;

/** The directories that the patterns of a workspace name, sorted: `*` within a name, `**` over up to four levels, `!` takes away. */
export async function expand(files: ProjectFiles, patterns: readonly string[]): Promise<readonly string[]> {
	const walk: Walk = { files, listed: 0 };
	const found = new Set<string>();
	for (const pattern of patterns.filter((pattern) => !pattern.startsWith("!"))) {
		for (const directory of await match(walk, normal(pattern).split("/"))) found.add(directory);
	}
	const without = patterns.filter((pattern) => pattern.startsWith("!")).map((pattern) => expressionOf(normal(pattern.slice(1))));
	return [...found]
		.filter((directory) => !without.some((expression) => expression.test(directory)))
		.sort()
		.slice(0, directoriesMax);
}

/** The member of that name, or in that directory. */
export function memberOf<M extends Member>(members: readonly M[], wanted: string): M | undefined {
	return members.find(({ name }) => name === wanted) ?? members.find(({ directory }) => directory === normal(wanted));
}

/** There is no such member: names those that there are. */
export function noSuchMember(members: readonly Member[], wanted: string, file: string): Meaningless {
	const names = members.map(({ name }) => name).sort();
	const meant = closest(wanted, names);
	if (names.length === 0)
		return {
			argument: "package",
			sentence: `${file} is no workspace, so there is no package ${JSON.stringify(wanted)}`,
			hint: "leave package out",
		};
	return {
		argument: "package",
		sentence: `${file} has no package ${JSON.stringify(wanted)}; its packages are: ${listed(names)}`,
		hint: meant === undefined ? "give one of them, or leave package out" : `did you mean ${meant}?`,
	};
}

/** `./packages/core/` is `packages/core`. */
export function normal(path: string): string {
	return path.replace(/^(?:\.?\/)+/, "").replace(/\/+$/, "");
}

interface Walk {
	readonly files: ProjectFiles;
	listed: number;
}

/** Where no member stands: hidden, foreign, made, a package's own sources, or a file. */
const passedOver = /^(\..*|node_modules|target|dist|build|src|tests?)$|\.\w+$/;

async function match(walk: Walk, parts: readonly string[], at = "", depth = 0): Promise<readonly string[]> {
	const [part, ...rest] = parts;
	if (part === undefined) return [at];
	if (part === "" || part === ".") return match(walk, rest, at, depth);
	if (part === "..") return [];
	if (!part.includes("*")) return match(walk, rest, join(at, part), depth);
	const here = part === "**" ? await match(walk, rest, at, depth) : [];
	if (walk.listed >= listsMax || (part === "**" && depth >= depthMax)) return here;
	walk.listed++;
	const names = await walk.files.list(at);
	const expression = expressionOf(part);
	const wanted = names.filter((name) =>
		part === "**" ? !passedOver.test(name) : !/^(\..*|node_modules)$/.test(name) && expression.test(name),
	);
	const below: string[] = [];
	for (const name of wanted) below.push(...(await match(walk, part === "**" ? parts : rest, join(at, name), depth + 1)));
	return [...here, ...below];
}

const join = (directory: string, name: string): string => (directory === "" ? name : `${directory}/${name}`);

function expressionOf(pattern: string): RegExp {
	const source = pattern.replace(/[.+?^${}()|[\]\\]/g, "\\$&").replaceAll(/\*+\/?/g, (stars) => (stars.startsWith("**") ? ".*" : "[^/]*"));
	return new RegExp(`^${source}$`);
}
