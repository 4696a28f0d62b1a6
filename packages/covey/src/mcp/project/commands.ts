import { z } from "zod";
import { parserNames } from "#mcp/reports/parser-names.ts";
import type { Meaningless, ProjectFiles } from "./recipe.ts";

export const commandLimits = {
	commandsMax: 32,
	wordsMax: 256,
	/** Of one word, or of a line for `sh -c`. */
	wordCharsMax: 8192,
	environmentMax: 64,
	pullMax: 64,
} as const;

const Word = z
	.string()
	.max(commandLimits.wordCharsMax)
	.regex(/^[^\0]*$/, "holds a NUL");
const noCommand = 'is no command; write ["make", "check"], or a line for sh as in "make check"';
const Line = z.union([Word.min(1, noCommand), z.array(Word).min(1, noCommand).max(commandLimits.wordsMax)], { error: noCommand });
const InTree = z
	.string()
	.min(1)
	.max(1024)
	.refine(
		(path) => !path.startsWith("/") && !path.split("/").includes("..") && !/[\0-\x1f\\]/.test(path),
		"must be a path inside of the tree",
	);

/** Words that an argument adds; `{}` is its value. */
const Added = z.union([Word.min(1), z.array(Word.min(1)).min(1).max(16)]).transform((words) => [words].flat());
const WithValue = Added.refine((words) => words.some((word) => word.includes("{}")), 'must hold {} for the value, as in "--grep={}"');

/** What `[commands.NAME]` in a project's `.covey.toml` may say. */
export const Command = z
	.strictObject({
		command: Line.optional().describe("Words, or a line for `sh -c`. Without it, what was recognised is run, with the other keys in place"),
		directory: InTree.optional().describe("Where it runs, from the root"),
		parser: z
			.enum(parserNames, { error: `is no parser; there are: ${parserNames.join(", ")}` })
			.optional()
			.describe(`Who reads the log: ${parserNames.join(", ")}. \`auto\` by default: it tries them all`),
		pull: z.array(InTree).max(commandLimits.pullMax).optional().describe("Paths to bring back"),
		environment: recordOf(Word, {
			key: /^[A-Za-z_][A-Za-z0-9_]*$/,
			sentence: "is no name of a variable",
			max: commandLimits.environmentMax,
		})
			.optional()
			.describe("Variables for the command"),
		filter_argument: WithValue.optional().describe("What `filter` adds; `{}` is its value"),
		package_argument: WithValue.optional().describe("What `package` adds; `{}` is its value"),
		features_argument: WithValue.optional().describe("What `features` adds; `{}` is the list, with commas"),
		release_argument: Added.optional().describe("What `release` adds"),
		nocapture_argument: Added.optional().describe("What `nocapture` adds"),
		fix: Line.optional().describe("What runs with `fix` in place of `command`; its changes come back as a patch"),
		changes_tree: z.boolean().optional().describe("`command` itself changes files of the tree; they come back as a patch"),
	})
	.superRefine((entry, context) => {
		const adds = Object.keys(entry).filter((key) => key.endsWith("_argument"));
		for (const key of adds) {
			if (entry.command === undefined)
				context.addIssue({ code: "custom", path: [key], message: "says what to add to a command, so it needs command beside it" });
			else if (typeof entry.command === "string" && !entry.command.includes('"$@"'))
				context.addIssue({ code: "custom", path: [key], message: 'would go nowhere: command is a line for sh, and does not hold "$@"' });
		}
	});
export type Command = z.output<typeof Command>;

const verbs = ["build", "clippy", "test"];

/** The section `[commands]`: by name. */
export const Commands = recordOf(Command, {
	key: /^[a-z][a-z0-9_-]{0,31}$/,
	sentence: "is no name of a command; write lower-case letters, digits, - and _",
	max: commandLimits.commandsMax,
}).superRefine((entries, context) => {
	for (const [name, entry] of Object.entries(entries))
		if (entry.command === undefined && !verbs.includes(name))
			context.addIssue({ code: "custom", path: [name, "command"], message: `is missing; only ${verbs.join(", ")} have one of their own` });
});
export type Commands = z.output<typeof Commands>;

/** The commands of the tree's own `.covey.toml`, or what is wrong with it, by key. Undefined when there is no such file. */
export async function readCommands(files: ProjectFiles): Promise<Commands | Meaningless | undefined> {
	const text = await files.read(".covey.toml");
	if (text === undefined) return undefined;
	const { parse, TomlError } = await import("smol-toml");
	try {
		const checked = Commands.safeParse(parse(text).commands ?? {});
		if (checked.success) return checked.data;
		const [issue] = checked.error.issues;
		const unknown = issue?.code === "unrecognized_keys" ? issue.keys.slice(0, 1) : [];
		const key = ["commands", ...(issue?.path ?? []), ...unknown].join(".");
		return broken(`.covey.toml: ${key}: ${unknown.length > 0 ? "no such key" : issue?.message}`);
	} catch (error) {
		if (!(error instanceof TomlError)) throw error;
		return broken(`.covey.toml:${error.line}:${error.column}: ${error.message.split("\n")[0]}`);
	}
}

function recordOf<Value extends z.ZodType>(
	value: Value,
	{ key, sentence, max }: { readonly key: RegExp; readonly sentence: string; readonly max: number },
) {
	return z.record(z.string(), value).superRefine((entries, context) => {
		const names = Object.keys(entries);
		if (names.length > max) context.addIssue({ code: "custom", message: `holds ${names.length} entries; ${max} are allowed` });
		for (const name of names) if (!key.test(name)) context.addIssue({ code: "custom", path: [name], message: sentence });
	});
}

const broken = (sentence: string): Meaningless => ({ sentence, hint: "mend that line of .covey.toml; docs/projects.md lists the keys" });
