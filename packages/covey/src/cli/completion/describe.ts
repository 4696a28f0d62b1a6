import type { Option } from "#cli/command.ts";
import { commands } from "#cli/commands.ts";

/** What may stand in a place: these words, names that the coordinator knows, files, or anything. */
export type Offer = readonly string[] | "workers" | "tasks" | "files" | "anything";

export interface OptionDescription {
	/** The long form, as in `--json`. */
	readonly flag: string;
	readonly about: string;
	/** Undefined for a switch, and for a value that may be left out. */
	readonly value: Offer | undefined;
}

/** What a completion script must know of one command. */
export interface CommandDescription {
	readonly path: string;
	readonly summary: string;
	readonly options: readonly OptionDescription[];
	/** Its first argument; undefined when it takes none. */
	readonly argument: Offer | undefined;
	/** What begins with its first argument is a command line of its own. */
	readonly passThrough: boolean;
}

/** Of all listed commands. Loads each of them. */
export async function describeCommands(): Promise<readonly CommandDescription[]> {
	const listed = commands.filter((entry) => !entry.path.startsWith("__"));
	return Promise.all(
		listed.map(async ({ path, summary, load }) => {
			const { arguments: [first] = [], options = [], passThrough = false } = await load();
			return {
				path,
				summary,
				options: [{ flag: "--help", about: "what this command does", value: undefined }, ...options.map(describe)],
				argument: first && offerOf(first[0], first[2]),
				passThrough,
			};
		}),
	);
}

function describe({ flags, about, words }: Option): OptionDescription {
	const flag = /--[a-z-]+/.exec(flags)?.[0] as string;
	const value = /<.*>/.exec(flags)?.[0];
	return { flag, about, value: value === undefined ? undefined : offerOf(value, words) };
}

const offersByPlaceholder: Readonly<Record<string, Offer>> = {
	"<machine>": "workers",
	"<worker>": "workers",
	"<task>": "tasks",
	"<path>": "files",
	"<file>": "files",
};

const offerOf = (placeholder: string, words: readonly string[] | undefined): Offer =>
	words ?? offersByPlaceholder[placeholder] ?? "anything";

/** The words that may stand behind `covey`, each once, in the order of the help. */
export const firstWords = (commands: readonly CommandDescription[]): readonly string[] => [
	...new Set([...commands.map(({ path }) => path.split(" ")[0] as string), "help"]),
];

/** The verbs of a noun such as `token`. */
export const verbsOf = (commands: readonly CommandDescription[], noun: string): readonly string[] =>
	commands.flatMap(({ path }) => (path.startsWith(`${noun} `) ? [path.slice(noun.length + 1)] : []));
