import { type Preparation, prepared } from "./prepare.ts";
import type { Meaningless, Recipe, Verb, VerbArguments } from "./recipe.ts";

export type ArgumentName = keyof VerbArguments;

/** What each argument adds to a command, in this order. One that is not named here means nothing. */
export type Takes = { readonly [Name in ArgumentName]?: (value: NonNullable<VerbArguments[Name]>) => readonly string[] };

/** Program and arguments; or a line for `sh -c`, which finds what the arguments add in `"$@"`. */
export type Line = readonly string[] | string;

/** How one verb is said in one project. */
export interface Wording extends Pick<Recipe, "because" | "parser"> {
	readonly line: Line;
	readonly takes?: Takes;
	/** Words behind those of the arguments. */
	readonly last?: readonly string[];
	/** Where more can be said about an argument that means nothing. */
	readonly lacks?: { readonly [Name in ArgumentName]?: Omit<Meaningless, "argument"> };
	readonly directory?: string;
	readonly environment?: Recipe["environment"];
	readonly pull?: Recipe["pull"];
	readonly changesTree?: boolean;
	readonly preparation?: Preparation;
}

/** The recipe for `given`; or the first argument that means nothing, or whose value would be read as something else. */
export function recipeOf(verb: Verb | string, given: VerbArguments, wording: Wording): Recipe | Meaningless {
	const { line, takes = {}, last = [], because, preparation } = wording;
	const added: string[] = [];
	for (const name of givenNames(given)) {
		const refusal = takes[name] ? refuseValue(name, given[name]) : meansNothing(name, wording);
		if (refusal) return refusal;
	}
	for (const name of Object.keys(takes) as ArgumentName[]) {
		if (!isGiven(given[name])) continue;
		const words = (takes[name] as (value: unknown) => readonly string[])(given[name]);
		if (words.some((word) => word.startsWith("-") && word === given[name])) return asOption(name, String(given[name]));
		added.push(...words);
	}
	const words = [...added, ...last];
	const typed = shown(line, words);
	const command = typeof line === "string" ? ["sh", "-c", line, "sh", ...words] : [...line, ...words];
	return {
		command: preparation ? prepared(preparation, command, typed) : command,
		...(wording.directory !== undefined && { directory: wording.directory }),
		environment: { ...(verb === "build" ? quiet : { ...quiet, CI: "1" }), ...wording.environment },
		parser: wording.parser,
		pull: wording.pull ?? [],
		changesTree: wording.changesTree ?? given.fix === true,
		because: preparation ? `${because}; ${preparation.because}` : because,
		typed,
	};
}

/** Words as a shell would want them typed. */
export function quoted(words: readonly string[]): string {
	return words.map((word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`)).join(" ");
}

/** As a person would list them: not all of many, and long ones cut. */
export function listed(names: readonly string[], max = 12): string {
	const short = (name: string): string => (name.length > listedCharsMax ? `${name.slice(0, listedCharsMax)}…` : name);
	const some = names.slice(0, max).map(short).join(", ");
	return names.length > max ? `${some} and ${names.length - max} more` : some;
}

/**
 * Tests and linters are told that nobody watches (`CI`): they then neither wait for changes, nor ask, nor write
 * snapshots. Builds are not told, since some build otherwise there.
 */
const quiet = { NO_COLOR: "1", TERM: "dumb" };
const valueCharsMax = 1000;
const listedCharsMax = 60;

const argumentNames: readonly ArgumentName[] = ["package", "features", "release", "filter", "nocapture", "fix"];

/** A tool's other arguments, as its timeout, may stand beside these. */
function givenNames(given: VerbArguments): ArgumentName[] {
	return argumentNames.filter((name) => isGiven(given[name]));
}

function isGiven(value: VerbArguments[ArgumentName]): boolean {
	return value !== undefined && value !== false && value !== "" && !(Array.isArray(value) && value.length === 0);
}

function meansNothing(argument: ArgumentName, { line, because, lacks }: Wording): Meaningless {
	const more = lacks?.[argument];
	if (more) return { ...more, argument };
	return {
		argument,
		sentence: `${argument} means nothing to \`${shown(line, [])}\` (${because})`,
		hint: `leave ${argument} out, or say what to run: with run_command, or in .covey.toml`,
	};
}

function refuseValue(argument: ArgumentName, value: VerbArguments[ArgumentName]): Meaningless | undefined {
	const texts = Array.isArray(value) ? value : typeof value === "string" ? [value] : [];
	for (const text of texts) {
		if (/[\0-\x1f\x7f]/.test(text))
			return { argument, sentence: `${argument} holds a control character`, hint: "write it on one line, of printable characters" };
		if (text.length > valueCharsMax)
			return { argument, sentence: `${argument} has ${text.length} characters; ${valueCharsMax} are allowed`, hint: "shorten it" };
		if (argument === "features" && !/^[\w][\w+./-]*$/.test(text))
			return { argument, sentence: `${JSON.stringify(text)} is no name of a feature`, hint: "a name is of letters, digits and _ + . / -" };
	}
	return undefined;
}

function asOption(argument: ArgumentName, value: string): Meaningless {
	return {
		argument,
		sentence: `${argument} ${JSON.stringify(value)} begins with "-", so that the command would read it as an option`,
		hint: `give a ${argument} that begins otherwise, or use run_command`,
	};
}

function shown(line: Line, words: readonly string[]): string {
	if (typeof line !== "string") return quoted([...line, ...words]);
	return line.replaceAll(/ ?"\$@"/g, words.length > 0 ? ` ${quoted(words)}` : "");
}
