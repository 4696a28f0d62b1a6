// The tables of docs/projects.md: what the code itself answers for a small project of each kind.
import { Command } from "#mcp/project/commands.ts";
import { isMeaningless, type Verb, type VerbArguments } from "#mcp/project/recipe.ts";
import { ecosystems, recipeFor, recogniseProject } from "#mcp/project/recognise.ts";
import { samples } from "#mcp/project/samples.fixture.ts";
import { treeOf } from "#mcp/project/tree.fixture.ts";

type Rows = readonly (readonly string[])[];
/** The head and the rows of a table. */
type Table = readonly [readonly string[], Rows];

/** Each argument, and the verbs that may show what it adds: the first that it means something to. */
const shown: readonly (readonly [VerbArguments, readonly Verb[]])[] = [
	[{ package: "PKG" }, ["test", "build"]],
	[{ features: ["A", "B"] }, ["build"]],
	[{ release: true }, ["build"]],
	[{ filter: "NAME" }, ["test"]],
	[{ nocapture: true }, ["test"]],
	[{ fix: true }, ["clippy"]],
];

export async function projectTables() {
	const names = Object.keys(samples);
	const rows = (cells: (name: string) => Promise<readonly string[]>): Promise<Rows> =>
		Promise.all(names.map(async (name) => [name, ...(await cells(name))]));
	const preparations = await rows(async (name) => [await firstOf(name)]);
	return {
		order: `${ecosystems.map(({ name }) => name).join(", ")}.`,
		verbs: [["project", "told by", "build", "clippy", "test"], await rows(verbCells)] satisfies Table,
		arguments: [["project", ...shown.map(([given]) => Object.keys(given)[0]!)], await rows(argumentCells)] satisfies Table,
		preparations: [["project", "before the command"], preparations.filter(([, first]) => first !== "")] satisfies Table,
		keys: [
			["key", "what it says"],
			Object.entries(Command.shape).map(([key, { description }]) => [`\`${key}\``, description ?? ""]),
		] satisfies Table,
	};
}

async function verbCells(name: string): Promise<readonly string[]> {
	const { found } = await recogniseProject(treeOf(samples[name]!));
	const typed = await Promise.all((["build", "clippy", "test"] as const).map((verb) => typedFor(name, verb, {})));
	return [`\`${found[0]!.file}\``, ...typed.map((text) => (text === undefined ? "–" : cell(text)))];
}

function argumentCells(name: string): Promise<readonly string[]> {
	return Promise.all(shown.map(([given, verbs]) => argumentCell(name, given, verbs)));
}

async function argumentCell(name: string, given: VerbArguments, [verb, ...others]: readonly Verb[]): Promise<string> {
	if (verb === undefined) return "–";
	const [plain, said] = await Promise.all([typedFor(name, verb, {}), typedFor(name, verb, given)]);
	if (said === undefined) return argumentCell(name, given, others);
	const added = plain === undefined ? said : addedTo(plain, said);
	return added === "" ? "as it is" : cell(added);
}

/** The words of `said` that are not in `plain`, or all of it when it is another command. */
function addedTo(plain: string, said: string): string {
	const left = plain.split(" ");
	const added: string[] = [];
	for (const word of said.split(" ")) {
		if (word === left[0]) left.shift();
		else added.push(word);
	}
	return left.length === 0 ? added.join(" ") : said;
}

async function typedFor(name: string, verb: Verb, given: VerbArguments): Promise<string | undefined> {
	const meaning = await recipeFor(treeOf(samples[name]!), verb, given);
	if (isMeaningless(meaning)) return undefined;
	return `${meaning.typed}${meaning.directory ? ` (in ${meaning.directory})` : ""}`;
}

async function firstOf(name: string): Promise<string> {
	const meaning = await recipeFor(treeOf(samples[name]!), "test");
	return isMeaningless(meaning) ? "" : (/; (`.+`.*) first, (unless .+)$/.exec(meaning.because)?.slice(1).join(", ") ?? "");
}

const cell = (text: string): string => `\`${text.replaceAll("|", "\\|")}\``;
