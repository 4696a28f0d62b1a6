import type { ParserName } from "#mcp/reports/parser-names.ts";

/** The words an agent may say. What they mean is the project's business. */
export type Verb = "build" | "clippy" | "test";

export interface VerbArguments {
	readonly release?: boolean;
	readonly features?: readonly string[];
	/** A member of the workspace. */
	readonly package?: string;
	/** Only tests whose name matches. */
	readonly filter?: string;
	/** Show what passing tests print. */
	readonly nocapture?: boolean;
	/** Mend what can be mended and return the patch. */
	readonly fix?: boolean;
}

/** What a verb means in one project: the command, who reads its log, and what comes back. */
export interface Recipe {
	/** Program and arguments, run without a shell in `directory`. */
	readonly command: readonly string[];
	readonly directory?: string;
	/** Set for the command; a user's own value of the same name wins. */
	readonly environment: Readonly<Record<string, string>>;
	readonly parser: ParserName;
	/** Paths to bring back. */
	readonly pull: readonly string[];
	/** The command may change tracked files: its patch comes back. */
	readonly changesTree: boolean;
	/** Why this command: "Cargo.toml", "package.json, script test", ".covey.toml, [commands.test]". */
	readonly because: string;
	/** What a developer would type for it: `command` without the preparation that a fresh worktree needs. */
	readonly typed?: string;
}

/** A verb or an argument that this project cannot mean: a sentence that names what was found, and the way out. */
export interface Meaningless {
	readonly sentence: string;
	readonly hint: string;
	/** The argument that means nothing; absent when it is the verb itself. */
	readonly argument?: keyof VerbArguments;
}

export function isMeaningless(meaning: Recipe | Meaningless): meaning is Meaningless {
	return "sentence" in meaning;
}

/** The files of the worktree's root, as the snapshot would hold them. Paths are relative, with forward slashes. */
export interface ProjectFiles {
	/** Undefined when there is none, or it is larger than 1 MiB. */
	read(path: string): Promise<string | undefined>;
	/** Names in a directory of the worktree ("" is its root), without ignored ones. None when there is no such directory. */
	list(directory: string): Promise<readonly string[]>;
}
