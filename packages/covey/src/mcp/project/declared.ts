import type { Command } from "./commands.ts";
import { isMeaningless, type Meaningless, type Recipe, type VerbArguments } from "./recipe.ts";
import { type ArgumentName, recipeOf, type Takes } from "./wording.ts";

/** The recipe of a command that `.covey.toml` declares. `name` is a verb or the command's own. */
export function declared(name: string, entry: Command, given: VerbArguments): Recipe | Meaningless {
	const because = `.covey.toml, [commands.${name}]`;
	const line = given.fix ? entry.fix : entry.command;
	if (line === undefined)
		return {
			argument: "fix",
			sentence: `${because} has no fix, so there is nothing that mends`,
			hint: 'add one, as in fix = ["cargo", "clippy", "--fix"], or leave fix out',
		};
	const { parser = "auto", environment, pull, directory } = entry;
	return recipeOf(name, given, {
		line,
		takes: given.fix ? { fix: () => [] } : takesOf(entry),
		parser,
		because,
		changesTree: given.fix === true || entry.changes_tree === true,
		...(environment && { environment }),
		...(pull && { pull }),
		...(directory !== undefined && { directory }),
	});
}

/** The recognised recipe, with what the entry says otherwise. */
export function overlaid(name: string, entry: Command, recipe: Recipe | Meaningless): Recipe | Meaningless {
	if (isMeaningless(recipe)) return recipe;
	const { parser = recipe.parser, environment, pull = recipe.pull, changes_tree } = entry;
	return {
		...recipe,
		parser,
		pull,
		environment: { ...recipe.environment, ...environment },
		changesTree: changes_tree ?? recipe.changesTree,
		because: `${recipe.because}; .covey.toml, [commands.${name}]`,
	};
}

function takesOf(entry: Command): Takes {
	const add = (words: readonly string[], value: string): readonly string[] => words.map((word) => word.replaceAll("{}", () => value));
	const entries = argumentNames
		.map((name) => [name, entry[`${name}_argument`]] as const)
		.flatMap(([name, words]) => (words ? [[name, (value: unknown) => add(words, [value].flat().join(","))] as const] : []));
	return Object.fromEntries(entries);
}

const argumentNames = ["release", "package", "features", "filter", "nocapture"] as const satisfies readonly ArgumentName[];
