import { isMeaningless, type ProjectFiles, type Verb, type VerbArguments } from "./recipe.ts";
import { recipeFor } from "./recognise.ts";

/** A tree of these files, by path. */
export function treeOf(contents: Readonly<Record<string, string>>): ProjectFiles {
	const paths = Object.keys(contents);
	return {
		read: (path) => Promise.resolve(contents[path]),
		list: (directory) => {
			const start = directory === "" ? "" : `${directory}/`;
			const names = paths.filter((path) => path.startsWith(start)).map((path) => path.slice(start.length).split("/")[0]!);
			return Promise.resolve([...new Set(names)]);
		},
	};
}

/** What would be typed for the verb; or what means nothing, and why. */
export async function said(contents: Readonly<Record<string, string>>, verb: Verb, given: VerbArguments = {}): Promise<string> {
	const meaning = await recipeFor(treeOf(contents), verb, given);
	if (isMeaningless(meaning)) return `${meaning.argument ?? "verb"}: ${meaning.sentence}`;
	return `${meaning.typed}${meaning.directory ? ` in ${meaning.directory}` : ""}`;
}
