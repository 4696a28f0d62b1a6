import { type CommandDescription, firstWords, type Offer, type OptionDescription, verbsOf } from "./describe.ts";

/** For fish, which shows what each word means beside it. */
export function fish(commands: readonly CommandDescription[]): string {
	const roots = firstWords(commands).map((word) => {
		const summary =
			commands.find((command) => command.path === word)?.summary ?? (word === "help" ? "help of a command" : `more of covey ${word}`);
		return `complete -c covey -f -n __fish_use_subcommand -a ${word} -d ${quoted(summary)}`;
	});
	const words = `complete -c covey -f -n '__fish_seen_subcommand_from help' -a ${quoted(firstWords(commands).join(" "))}`;
	return [...roots, words, ...commands.flatMap((command) => commandLines(command, commands))].join("\n");
}

function commandLines(command: CommandDescription, commands: readonly CommandDescription[]): readonly string[] {
	const { path, summary, options, argument, passThrough } = command;
	const [noun, verb] = path.split(" ");
	const seenNoun = `__fish_seen_subcommand_from ${noun}`;
	const here = verb === undefined ? seenNoun : `${seenNoun}; and __fish_seen_subcommand_from ${verb}`;
	return [
		...(verb === undefined
			? []
			: [
					`complete -c covey -f -n '${seenNoun}; and not __fish_seen_subcommand_from ${verbsOf(commands, noun as string).join(" ")}' -a ${verb} -d ${quoted(summary)}`,
				]),
		...options.map((option) => optionLine(option, here)),
		// What is run with files as arguments is left to fish's own completion of files.
		...(passThrough ? [] : [`complete -c covey -n '${here}'${argument === undefined ? " -f" : offering(argument)}`]),
	];
}

const optionLine = ({ flag, about, value }: OptionDescription, here: string): string =>
	`complete -c covey -n '${here}' -l ${flag.slice(2)}${value === undefined ? "" : ` -r${offering(value)}`} -d ${quoted(about)}`;

function offering(offer: Offer): string {
	if (offer === "workers" || offer === "tasks") return ` -f -k -a '(covey __complete ${offer} 2>/dev/null)'`;
	if (offer === "files") return " -F";
	return offer === "anything" ? " -f" : ` -f -a ${quoted(offer.join(" "))}`;
}

const quoted = (text: string): string => `'${text.replace(/['\\]/g, "\\$&")}'`;
