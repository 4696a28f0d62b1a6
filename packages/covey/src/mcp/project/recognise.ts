import { cargo } from "./cargo.ts";
import { cmake } from "./cmake.ts";
import { type Commands, readCommands } from "./commands.ts";
import { declared, overlaid } from "./declared.ts";
import type { Ecosystem, Recognised } from "./ecosystem.ts";
import { go } from "./go.ts";
import { gradle } from "./gradle.ts";
import { make } from "./make.ts";
import { maven } from "./maven.ts";
import { normal } from "./members.ts";
import { node } from "./node.ts";
import { nx } from "./nx.ts";
import { python } from "./python.ts";
import { isMeaningless, type Meaningless, type ProjectFiles, type Recipe, type Verb, type VerbArguments } from "./recipe.ts";
import { below, remembering } from "./remembering.ts";
import { swift } from "./swift.ts";
import { turborepo } from "./turborepo.ts";
import { listed } from "./wording.ts";

/**
 * In this order: where several are at one root, a verb means what the first of them that can mean it says. What
 * orchestrates others stands before them, what compiles before what interprets, and what any project may have last.
 */
export const ecosystems: readonly Ecosystem[] = [nx, turborepo, cargo, go, swift, gradle, maven, python, node, cmake, make];

/** A worktree as the verbs see it. */
export interface Project {
	/** Each project that was found at the root; if there is none, those in directories below it. */
	readonly found: readonly Found[];
	/** Names of the commands that `.covey.toml` declares. */
	readonly declared: readonly string[];
	/** `.covey.toml` first, then the root, then directories below it. */
	mean(verb: Verb, given?: VerbArguments): Promise<Recipe | Meaningless>;
	/** A command that `.covey.toml` declares, under whatever name. */
	command(name: string, given?: VerbArguments): Promise<Recipe | Meaningless>;
}

export interface Found {
	/** `cargo`, `node`, …: the name of the ecosystem. */
	readonly kind: string;
	/** The file that told it, from the root. */
	readonly file: string;
	/** "" is the root. */
	readonly directory: string;
}

/** What a verb means in this worktree, now. `configured` is what a project file above the worktree declares; the tree's own replaces it. */
export async function recipeFor(
	files: ProjectFiles,
	verb: Verb,
	given: VerbArguments = {},
	configured?: Commands,
): Promise<Recipe | Meaningless> {
	return (await recogniseProject(files, configured)).mean(verb, given);
}

/** What the worktree is. The files are looked at as they are now: make another for another state. Throws only what `worktree` throws. */
export async function recogniseProject(worktree: ProjectFiles, configured: Commands = {}): Promise<Project> {
	const files = remembering(worktree);
	const commands = (await readCommands(files)) ?? configured;
	const root = await placeAt(files, "");
	const places = root.projects.length > 0 ? [root] : await placesBelow(files, []);
	const entries: Commands = isBroken(commands) ? {} : commands;
	return {
		found: places.flatMap(({ projects }) => projects.map(({ found }) => found)),
		declared: Object.keys(entries),
		async mean(verb, given = {}) {
			if (isBroken(commands)) return commands;
			const entry = entries[verb];
			if (entry === undefined) return meanAnywhere(files, root, verb, given);
			if (entry.command !== undefined || given.fix) return declared(verb, entry, given);
			const start = entry.directory === undefined ? root : await placeAt(files, normal(entry.directory));
			return overlaid(verb, entry, await meanAnywhere(files, start, verb, given));
		},
		async command(name, given = {}) {
			if (isBroken(commands)) return commands;
			const entry = Object.hasOwn(entries, name) ? entries[name] : undefined;
			if (entry?.command !== undefined) return declared(name, entry, given);
			return {
				sentence: `.covey.toml declares no command ${JSON.stringify(name)}; it declares: ${listed(Object.keys(entries)) || "none"}`,
				hint: `write [commands.${name}] with its command into .covey.toml, or use run_command`,
			};
		},
	};
}

interface Place {
	readonly directory: string;
	readonly projects: readonly { readonly ecosystem: Ecosystem; readonly found: Found; readonly project: Recognised }[];
}

async function placeAt(files: ProjectFiles, directory: string): Promise<Place> {
	const here = directory === "" ? files : below(files, directory);
	const recognised = await Promise.all(ecosystems.map(async (ecosystem) => ({ ecosystem, project: await ecosystem.recognise(here) })));
	const projects = recognised.flatMap(({ ecosystem, project }) =>
		project ? [{ ecosystem, project, found: { kind: ecosystem.name, file: join(directory, project.file), directory } }] : [],
	);
	return { directory, projects };
}

const directoriesMax = 100;
const uninteresting = /^(\..*|node_modules|vendor|third_party|target|dist|build|out|docs?|examples?|fixtures?|testdata)$/;

/** Directories with a project of their own, two levels down at most and none inside another, but for kinds that the root is itself. */
async function placesBelow(files: ProjectFiles, kinds: readonly string[]): Promise<readonly Place[]> {
	const places: Place[] = [];
	let looked = 0;
	const visit = async (directory: string, depth: number): Promise<void> => {
		for (const name of [...(await files.list(directory))].sort()) {
			if (uninteresting.test(name) || looked >= directoriesMax) continue;
			const path = join(directory, name);
			if ((await files.list(path)).length === 0) continue;
			looked++;
			const place = await placeAt(files, path);
			const projects = place.projects.filter(({ found }) => !kinds.includes(found.kind));
			if (projects.length > 0) places.push({ ...place, projects });
			else if (depth < 2) await visit(path, depth + 1);
		}
	};
	await visit("", 1);
	return places;
}

/** At `root`; else, when it cannot mean it, in the project below that `package` names, or in the only one. */
async function meanAnywhere(files: ProjectFiles, root: Place, verb: Verb, given: VerbArguments): Promise<Recipe | Meaningless> {
	const here = await meanAt(root, verb, given);
	if (here !== undefined && (!isMeaningless(here) || (here.argument !== undefined && here.argument !== "package"))) return here;
	const places =
		root.directory === ""
			? await placesBelow(
					files,
					root.projects.map(({ found }) => found.kind),
				)
			: [];
	const { package: wanted, ...rest } = given;
	const named = wanted ? places.find(({ directory }) => directory === normal(wanted)) : undefined;
	if (named) return (await meanAt(named, verb, rest)) as Recipe | Meaningless;
	if (here === undefined && places.length === 1) return (await meanAt(places[0]!, verb, given)) as Recipe | Meaningless;
	return nowhere(root, places, here, await files.list(root.directory));
}

/** The first that can mean the verb, and which others there are; undefined when there is no project. */
async function meanAt({ directory, projects }: Place, verb: Verb, given: VerbArguments): Promise<Recipe | Meaningless | undefined> {
	const sentences: string[] = [];
	const hints: string[] = [];
	let unknownPackage: Meaningless | undefined;
	for (const [index, { ecosystem, project, found }] of projects.entries()) {
		const meaning = await project.mean(verb, given);
		if (isMeaningless(meaning)) {
			// A package may be one of another kind; any other argument is for who means the verb.
			if (meaning.argument !== undefined && meaning.argument !== "package") return meaning;
			if (meaning.argument === "package") unknownPackage ??= meaning;
			sentences.push(meaning.sentence);
			hints.push(meaning.hint);
			continue;
		}
		const others = projects.slice(index + 1).flatMap((other) => (other.ecosystem.name === ecosystem.over ? [] : [other.found.file]));
		const because = [
			join(directory, meaning.because),
			...(sentences.length > 0 ? [sentences.join("; ")] : []),
			...(others.length > 0 ? [`${listed(others)} would come after ${found.file}`] : []),
		].join("; ");
		const at = join(directory, meaning.directory ?? "");
		return { ...meaning, because, ...(at !== "" && { directory: at }) };
	}
	return unknownPackage ?? (sentences.length === 0 ? undefined : { sentence: sentences.join("; "), hint: hints[0]! });
}

function nowhere(root: Place, places: readonly Place[], here: Meaningless | undefined, names: readonly string[]): Meaningless {
	const elsewhere = places.map(({ directory, projects }) => `${directory} (${projects.map(({ project }) => project.file).join(", ")})`);
	if (here !== undefined && elsewhere.length === 0) return here;
	if (elsewhere.length > 0)
		return {
			...here,
			sentence: `${here ? here.sentence : "there is no project at the root"}; below it there is: ${listed(elsewhere)}`,
			hint: here?.argument
				? `${here.hint}; of those below, give the directory`
				: `give its directory as package, as in ${JSON.stringify(places[0]!.directory)}, or say in .covey.toml what to run`,
		};
	return {
		sentence: `no kind of project that Covey knows is in ${root.directory || "the root"}; there is: ${listed(names) || "nothing"}`,
		hint: "use run_command, or say in .covey.toml what [commands.build], [commands.clippy] and [commands.test] run",
	};
}

const isBroken = (commands: Commands | Meaningless): commands is Meaningless => typeof commands.sentence === "string";

const join = (directory: string, path: string): string => (directory === "" || path === "" ? directory + path : `${directory}/${path}`);
