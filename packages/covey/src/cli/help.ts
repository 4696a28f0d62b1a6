import { type CommandEntry, commands } from "./commands.ts";
import { folded } from "./table.ts";

const groups = ["Work", "Fleet", "This machine"] as const;

/** What `covey` alone and `covey --help` show. */
export function rootHelp(): string {
	const width = Math.max(...commands.map((entry) => entry.path.length)) + 2;
	const sections = groups.map((group) =>
		[
			`${group}:`,
			...lines(
				commands.filter((entry) => entry.group === group),
				width,
			),
		].join("\n"),
	);
	return [
		"The few machines you own, working as one.",
		"Usage: covey COMMAND [options]\n       covey run -- make test",
		...sections,
		folded(
			"covey help COMMAND tells more. Exit codes: 0 ok, the command's own for run, 2 usage, 3 configuration, 4 forbidden, 5 not found, 6 conflict, 7 no worker or unreachable, 8 timeout, 9 refused, 124 job timeout, 130 and 143 signals.",
		),
	].join("\n\n");
}

/** The verbs of a noun such as `token`; undefined when no command begins with it. */
export function helpOf(noun: string): string | undefined {
	const verbs = commands.filter((entry) => entry.path.startsWith(`${noun} `));
	if (verbs.length === 0) return undefined;
	return [`Usage: covey ${noun} VERB`, "", ...lines(verbs, Math.max(...verbs.map((entry) => entry.path.length)) + 2)].join("\n");
}

function lines(entries: readonly CommandEntry[], width: number): readonly string[] {
	return entries.map((entry) => `  ${entry.path.padEnd(width)}${entry.summary}`);
}
