import { CoveyError } from "@covey/protocol/errors";
import { CommanderError, Command as Parser } from "commander";
import { closest } from "#kit/closest.ts";
import type { Command } from "./command.ts";
import { type CommandEntry, commands } from "./commands.ts";
import { exitCodes } from "./exit-code.ts";
import { reportFailure } from "./failure.ts";
import { helpOf, rootHelp } from "./help.ts";
import { folded } from "./table.ts";
import { print, say } from "./terminal.ts";

/**
 * One invocation of `covey`.
 *
 * @param words what was typed after `covey`.
 * @returns the exit code; everything that failed has been told on stderr.
 */
export async function runProgram(words: readonly string[]): Promise<number> {
	leaveQuietlyWhenNobodyReads();
	try {
		if (words[0] === "help") return await runProgram([...words.slice(1), "--help"]);
		const entry = findEntry(words);
		if (!entry) return showRoot(words);
		const command = await entry.load();
		const parser = createParser(entry, command);
		parser.parse(words.slice(entry.path.split(" ").length), { from: "user" });
		return (await command.run({ arguments: parser.args, options: parser.opts() })) ?? exitCodes.ok;
	} catch (error) {
		if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.ok : exitCodes.usage;
		return reportFailure(error);
	}
}

/** The longest path of words that names a command; a group that names its own default counts too. */
function findEntry(words: readonly string[]): CommandEntry | undefined {
	const [first, second] = words;
	if (first === undefined) return undefined;
	return (
		commands.find((entry) => second !== undefined && entry.path === `${first} ${second}`) ?? commands.find((entry) => entry.path === first)
	);
}

/** A parser for one command. `covey tasks list` and `covey run` are both told apart before, so there are no subcommands. */
export function createParser(entry: CommandEntry, command: Command): Parser {
	const parser = new Parser(`covey ${entry.path}`)
		.description(entry.summary)
		.helpOption("-h, --help", "what this command does")
		.allowExcessArguments(false)
		.showHelpAfterError(`(covey ${entry.path} --help tells more)`)
		.configureOutput({ outputError: (text, write) => write(text.replace(/^error:/, "covey:")) })
		.exitOverride();
	if (command.passThrough) parser.passThroughOptions();
	for (const [syntax, about] of command.arguments ?? []) parser.argument(syntax, about);
	for (const { flags, about, parse } of command.options ?? []) {
		if (parse) parser.option(flags, about, named(flags, parse as Reader));
		else parser.option(flags, about);
	}
	if (command.notes) parser.addHelpText("after", `\n${folded(command.notes)}`);
	return parser;
}

type Reader = (text: string, previous: unknown) => unknown;

/** The reader, whose failures also name the option. */
function named(flags: string, read: Reader): Reader {
	const [option = flags] = flags.match(/--[a-z-]+/) ?? [];
	return (text, previous) => {
		try {
			return read(text, previous);
		} catch (error) {
			if (!(error instanceof CoveyError)) throw error;
			throw new CoveyError(error.code, `${option}: ${error.message}`, { cause: error, ...(error.hint && { hint: error.hint }) });
		}
	};
}

function showRoot(words: readonly string[]): number {
	const word = words.find((one) => !one.startsWith("-"));
	if (word === undefined && (words.length === 0 || ["-h", "--help"].includes(words[0] as string))) {
		print(rootHelp());
		return exitCodes.ok;
	}
	if (word === undefined) throw new CoveyError("bad_request", `covey has no option ${words[0]} of its own`, { hint: "covey --help" });
	const group = helpOf(word);
	const known = words.indexOf(word) === 0 && group !== undefined;
	const verb = words[1];
	if (known && (verb === undefined || verb.startsWith("-"))) {
		if (verb !== undefined) print(group);
		else say(group);
		return verb === undefined ? exitCodes.usage : exitCodes.ok;
	}
	const typed = known ? `${word} ${verb}` : word;
	const meant = closest(
		typed,
		commands.map((entry) => (known ? entry.path : (entry.path.split(" ")[0] as string))),
	);
	throw new CoveyError("bad_request", `there is no command "covey ${typed}"`, {
		hint: meant ? `did you mean covey ${meant}?` : "covey --help lists the commands",
	});
}

/** `covey tasks | head -1`: a reader that has seen enough is no failure. `run` and its like watch for it themselves. */
function leaveQuietlyWhenNobodyReads(): void {
	process.stdout.on("error", (error: NodeJS.ErrnoException) => {
		if (error.code === "EPIPE") process.exit(exitCodes.ok);
		throw error;
	});
	process.stderr.on("error", () => {});
}
