import { type CommandDescription, firstWords, type Offer, verbsOf } from "./describe.ts";

/** For bash, and for zsh by its bashcompinit. An option takes the same values in all commands, so those go by the flag alone. */
export function posix(commands: readonly CommandDescription[]): string {
	const paths = commands.flatMap(({ path }) => (path.includes(" ") ? [`"${path}"`] : []));
	const nouns = firstWords(commands).filter((word) => verbsOf(commands, word).length > 0);
	const values = new Map(commands.flatMap(({ options }) => options.flatMap(({ flag, value }) => (value ? [[flag, value] as const] : []))));
	const wrappers = commands.flatMap(({ path, passThrough }) => (passThrough ? [`"${path}"`] : [])).join(" | ");
	return `_covey() {
	local current="\${COMP_WORDS[COMP_CWORD]}" previous="\${COMP_WORDS[COMP_CWORD-1]}" command="\${COMP_WORDS[1]:-}" at=2 begin=""
	COMPREPLY=()
	case "$COMP_CWORD $command" in
		"1 "* | "2 help") _covey_offer "${firstWords(commands).join(" ")}"; return ;;
${nouns.map((noun) => `		"2 ${noun}") _covey_offer "${verbsOf(commands, noun).join(" ")}" ;;`).join("\n")}
	esac
	case "$command \${COMP_WORDS[2]:-}" in
		${paths.join(" | ")}) command="$command \${COMP_WORDS[2]}"; at=3 ;;
	esac
	[ "$COMP_CWORD" -ge "$at" ] || return 0
	# Arguments before the cursor, apart from options and their values, which bash takes apart at each "=".
	local walk=$at given=0
	while [ "$walk" -lt "$COMP_CWORD" ]; do
		case "\${COMP_WORDS[walk]}" in
			--) given=$((COMP_CWORD - walk - 1)); walk=$COMP_CWORD ;;
			${[...values.keys()].join(" | ")})
				if [ "\${COMP_WORDS[walk+1]:-}" = "=" ]; then walk=$((walk + 3)); else walk=$((walk + 2)); fi ;;
			-*) walk=$((walk + 1)) ;;
			*)
				given=$((given + 1))
				case "$command" in ${wrappers}) walk=$COMP_CWORD ;; *) walk=$((walk + 1)) ;; esac ;;
		esac
	done
	[ "$current" != "=" ] || current=""
	[ "$previous" != "=" ] || previous="\${COMP_WORDS[COMP_CWORD-2]}"
	case "$given $current" in "0 --"*=*) previous="\${current%%=*}"; begin="$previous="; current="\${current#*=}"; walk=$((COMP_CWORD + 1)) ;; esac
	if [ "$walk" -gt "$COMP_CWORD" ]; then
		case "$previous" in
${[...values]
	.filter(([, offer]) => offer !== "anything")
	.map(([flag, offer]) => `			${flag}) ${offering(offer)} ;;`)
	.join("\n")}
		esac
		return 0
	fi
	case "$command" in
${commands.map((command) => `		"${command.path}") ${(command.passThrough ? wrapper : plainCommand)(command)} ;;`).join("\n")}
	esac
}
_covey_offer() {
	local IFS=$' \\t\\n'
	COMPREPLY+=($(compgen -P "$begin" -W "$1" -- "$current"))
}
_covey_ask() {
	_covey_offer "$(covey __complete "$1" 2>/dev/null | cut -f 1)"
}
_covey_files() {
	local IFS=$'\\n'
	compopt -o filenames 2>/dev/null
	COMPREPLY+=($(compgen -P "$begin" -f -- "$current"))
}
complete -F _covey covey`;
}

const flagsOf = ({ options }: CommandDescription): string => `_covey_offer "${options.map(({ flag }) => flag).join(" ")}"`;

/** Its options anywhere, and its first argument. */
function plainCommand(command: CommandDescription): string {
	const { argument } = command;
	const otherwise = argument === undefined ? `"") ${flagsOf(command)} ;;` : `*) [ "$given" -gt 0 ] || ${offering(argument)} ;;`;
	return `case "$current" in -*) ${flagsOf(command)} ;; ${otherwise} esac`;
}

/** Its options until its first argument, which is another command's name, as is what stands behind two dashes; from there on files. */
function wrapper(command: CommandDescription): string {
	return `case "$given $previous $current" in
			"0 -- "*) COMPREPLY=($(compgen -c -- "$current")) ;;
			"0 "*" " | "0 "*" -"*) ${flagsOf(command)} ;;
			"0 "*) COMPREPLY=($(compgen -c -- "$current")) ;;
			*) _covey_files ;;
		esac`;
}

function offering(offer: Offer): string {
	if (offer === "workers" || offer === "tasks") return `_covey_ask ${offer}`;
	if (offer === "files") return "_covey_files";
	return offer === "anything" ? ":" : `_covey_offer "${offer.join(" ")}"`;
}
