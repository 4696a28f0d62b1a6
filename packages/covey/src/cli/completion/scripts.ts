import type { CommandDescription } from "./describe.ts";

/** A completion script per shell. Names of tasks and workers are asked of `covey __complete`, which answers fast or not at all. */
export const scripts: Readonly<Record<"bash" | "zsh" | "fish", (commands: readonly CommandDescription[]) => string>> = {
	bash,
	zsh: (commands) => `#compdef covey\nautoload -U +X bashcompinit && bashcompinit\n${bash(commands)}`,
	fish,
};

function bash(commands: readonly CommandDescription[]): string {
	const paths = commands.map((command) => command.path);
	const verbsOf = (noun: string) => paths.filter((path) => path.startsWith(`${noun} `)).map((path) => path.split(" ")[1]);
	const nouns = firstWords(commands).filter((word) => verbsOf(word).length > 0);
	const ofCommand = ({ path, options, names }: CommandDescription) => {
		const dynamic = names && `; [ "$COMP_CWORD" -eq "$at" ] && words="$words $(covey __complete ${names} 2>/dev/null)"`;
		return `"${path}") words="$words ${options.join(" ")}"${dynamic ?? ""} ;;`;
	};
	return `_covey() {
	local current="\${COMP_WORDS[COMP_CWORD]}" command="\${COMP_WORDS[1]:-}" at=2 words=""
	case "$command \${COMP_WORDS[2]:-}" in
		${paths
			.filter((path) => path.includes(" "))
			.map((path) => `"${path}"`)
			.join(" | ")}) command="$command \${COMP_WORDS[2]}"; at=3 ;;
	esac
	if [ "$COMP_CWORD" -eq 1 ]; then
		words="${firstWords(commands).join(" ")}"
	elif [ "$COMP_CWORD" -eq 2 ]; then
		case "\${COMP_WORDS[1]}" in
${nouns.map((noun) => `			${noun}) words="${verbsOf(noun).join(" ")}" ;;`).join("\n")}
		esac
	fi
	if [ "$COMP_CWORD" -ge "$at" ]; then
		case "$command" in
${commands.map((command) => `			${ofCommand(command)}`).join("\n")}
		esac
	fi
	COMPREPLY=($(compgen -W "$words" -- "$current"))
	[ "\${#COMPREPLY[@]}" -gt 0 ] || COMPREPLY=($(compgen -f -- "$current"))
}
complete -F _covey covey`;
}

function fish(commands: readonly CommandDescription[]): string {
	const roots = firstWords(commands).map((word) => {
		const summary = commands.find((command) => command.path === word)?.summary ?? `more under covey ${word}`;
		return `complete -c covey -f -n __fish_use_subcommand -a ${word} -d '${quote(summary)}'`;
	});
	return [...roots, ...commands.flatMap(fishLines)].join("\n");
}

function fishLines({ path, summary, options, names }: CommandDescription): readonly string[] {
	const [noun, verb] = path.split(" ");
	const seenNoun = `__fish_seen_subcommand_from ${noun}`;
	const here = verb === undefined ? seenNoun : `${seenNoun}; and __fish_seen_subcommand_from ${verb}`;
	return [
		...(verb === undefined
			? []
			: [`complete -c covey -f -n '${seenNoun}; and not __fish_seen_subcommand_from ${verb}' -a ${verb} -d '${quote(summary)}'`]),
		...options.map((option) => `complete -c covey -n '${here}' -l ${option.slice(2)}`),
		...(names === undefined ? [] : [`complete -c covey -f -n '${here}' -a '(covey __complete ${names} 2>/dev/null)'`]),
	];
}

const firstWords = (commands: readonly CommandDescription[]): readonly string[] => [
	...new Set(commands.map((command) => command.path.split(" ")[0] as string)),
];

const quote = (text: string): string => text.replace(/['\\]/g, "\\$&");
