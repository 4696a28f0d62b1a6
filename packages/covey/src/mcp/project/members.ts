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
const depthMax = 4;

/** The directories that the patterns of a workspace name, sorted: `*` within a name, `**` over up to four levels, `!` takes away. */
export async function expand(files: ProjectFiles, patterns: readonly string[]): Promise<readonly string[]> {
	const found = new Set<string>();
	for (const pattern of patterns.filter((pattern) => !pattern.startsWith("!"))) {
		for (const directory of await match(files, normal(pattern).split("/"))) found.add(directory);
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

async function match(files: ProjectFiles, parts: readonly string[], at = "", depth = 0): Promise<readonly string[]> {
	const [part, ...rest] = parts;
	if (part === undefined || part === "" || part === ".") return part === undefined ? [at] : match(files, rest, at, depth);
	if (part === ".." || depth > 2 * depthMax) return [];
	if (!part.includes("*")) return match(files, rest, join(at, part), depth + 1);
	const names = (await files.list(at)).filter((name) => name !== "node_modules" && !name.startsWith(".")).slice(0, directoriesMax);
	if (part !== "**") {
		const expression = expressionOf(part);
		return flat(names.filter((name) => expression.test(name)).map((name) => match(files, rest, join(at, name), depth + 1)));
	}
	const here = await match(files, rest, at, depth);
	if (depth >= depthMax) return here;
	return [...here, ...(await flat(names.map((name) => match(files, parts, join(at, name), depth + 1))))];
}

async function flat(lists: readonly Promise<readonly string[]>[]): Promise<readonly string[]> {
	return (await Promise.all(lists)).flat().slice(0, directoriesMax);
}

const join = (directory: string, name: string): string => (directory === "" ? name : `${directory}/${name}`);

function expressionOf(pattern: string): RegExp {
	const source = pattern.replace(/[.+?^${}()|[\]\\]/g, "\\$&").replaceAll(/\*+\/?/g, (stars) => (stars.startsWith("**") ? ".*" : "[^/]*"));
	return new RegExp(`^${source}$`);
}
