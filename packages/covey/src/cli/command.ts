/** A command as data; `program.ts` makes parsing, help and completion of it. Each stands in its own lazily loaded file. */
export interface Command<Options = Readonly<Record<string, unknown>>> {
	/** As commander writes them, with what each is and, for completion, the words that it may be: `["<shell>", "bash, zsh or fish", ["bash", …]]`. */
	readonly arguments?: readonly (readonly [syntax: string, about: string, words?: readonly string[]])[];
	readonly options?: readonly Option[];
	/** Everything from the first argument on belongs to the argument list, dashes and all. */
	readonly passThrough?: boolean;
	/** Shown under the help. */
	readonly notes?: string;
	/** @returns the exit code; 0 when nothing is returned. @throws CoveyError for what a person can mend. */
	run(invocation: Invocation<Options>): Promise<number | undefined>;
}

export interface Option {
	/** As commander writes them: `--on <machine>`. */
	readonly flags: string;
	readonly about: string;
	/** What completion offers for the value. It finds names and files by itself: of a `<machine>`, `<worker>`, `<task>`, `<path>` or `<file>`. */
	readonly words?: readonly string[];
	/** Reads the value; called with what came before when the option is repeated. @throws CoveyError `bad_request`. */
	readonly parse?: (text: string, previous: never) => unknown;
}

export interface Invocation<Options> {
	readonly arguments: readonly string[];
	readonly options: Options;
}

/** Gives a command its options' type. */
export const defineCommand = <Options = Record<never, never>>(command: Command<Options>): Command => command as Command;

export const jsonOption: Option = { flags: "--json", about: "one JSON document on stdout instead of a table" };
