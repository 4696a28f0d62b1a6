import type { Meaningless, ProjectFiles, Recipe, Verb, VerbArguments } from "./recipe.ts";

/** One kind of project. */
export interface Ecosystem {
	readonly name: string;
	/** The kind of project that it orchestrates, whose files are always beside its own. */
	readonly over?: string;
	/** What there is at the root of `files`; undefined when it is no such project. */
	recognise(files: ProjectFiles): Promise<Recognised | undefined>;
}

/** A project of one ecosystem. */
export interface Recognised {
	/** The file that told it. */
	readonly file: string;
	mean(verb: Verb, given: VerbArguments): Promise<Recipe | Meaningless>;
}
