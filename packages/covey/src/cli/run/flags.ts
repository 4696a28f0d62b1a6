import type { EnvironmentKind } from "@covey/protocol/task";
import { duration, list, oneOf, pairs, repeated, within } from "#cli/arguments.ts";
import type { Option } from "#cli/command.ts";
import type { SnapshotAllowance } from "#host/git/rules.ts";

/** What `covey run` was told, as the parser gives it. */
export interface RunFlags {
	readonly on?: string;
	readonly tag?: Readonly<Record<string, string>>;
	readonly prefer?: string;
	readonly isolation?: number;
	readonly priority?: number;
	readonly timeout?: number;
	readonly silentTimeout?: number;
	readonly envVar?: readonly string[];
	readonly env?: EnvironmentKind;
	readonly include?: readonly string[];
	readonly pull?: readonly string[];
	readonly clean?: boolean;
	readonly fallback?: string;
	readonly detach?: boolean;
	/** True: with the key of this worktree. */
	readonly supersede?: string | true;
	/** False: `--no-merge`. */
	readonly merge: boolean;
	/** False: `--no-snapshot`. */
	readonly snapshot: boolean;
	readonly allow?: readonly SnapshotAllowance[];
	readonly namespace?: string;
	readonly json?: boolean;
}

const environmentKinds = ["auto", "nix", "devbox", "mise", "direnv", "plain"] as const satisfies readonly EnvironmentKind[];
const allowances = ["submodule", "lfs", "symlink"] as const satisfies readonly SnapshotAllowance[];
const allowance = oneOf(...allowances);

export const runOptions: readonly Option[] = [
	{ flags: "--on <machine>", about: "run on this machine, or wait for it" },
	{ flags: "--tag <key=value>", about: "run on a machine with this tag; may be repeated", parse: pairs },
	{ flags: "--prefer <machine>", about: "run on this machine unless it stays busy" },
	{
		flags: "--isolation <level>",
		about: "at least this: 0 process group, 1 limits, 2 file system sandbox; 3, another user, is not offered yet",
		words: ["0", "1", "2"],
		parse: within(0, 3),
	},
	{
		flags: "--priority <number>",
		about: "-100 to 100; higher goes first",
		words: ["-100", "-10", "10", "100"],
		parse: within(-100, 100),
	},
	{ flags: "--timeout <duration>", about: "end the command after so long, as in 90s or 5m", parse: duration },
	{ flags: "--silent-timeout <duration>", about: "end it when it writes nothing for so long", parse: duration },
	{ flags: "--env-var <NAME[=value]>", about: "set a variable, or pass this shell's; may be repeated", parse: repeated },
	{
		flags: "--env <kind>",
		about: "what brings the tools: auto (default: what the tree asks for), nix, devbox, mise, direnv, plain",
		words: environmentKinds,
		parse: oneOf(...environmentKinds),
	},
	{ flags: "--include <path>", about: "take an ignored file along, as in .env; may be repeated", parse: repeated },
	{ flags: "--pull <path>", about: "bring this file or directory back; may be repeated", parse: repeated },
	{ flags: "--clean", about: "drop what earlier runs built in the worktree" },
	{
		flags: "--fallback <when>",
		about: "may the coordinator's own machine take it, constraints permitting: never, always, after:10s (default)",
		words: ["never", "always", "after:10s"],
	},
	{ flags: "--detach", about: "print the task's id and leave; covey attach ID watches it" },
	{ flags: "--supersede [key]", about: "end older runs with this key (default: of this worktree)" },
	{ flags: "--no-merge", about: "run it even when equal work is in flight" },
	{ flags: "--no-snapshot", about: "run without files, in an empty directory" },
	{
		flags: "--allow <what>",
		about: "let a snapshot leave out: submodule, lfs, symlink",
		words: allowances,
		parse: (text: string, previous: readonly SnapshotAllowance[] = []) => [...previous, ...list(text).map(allowance)],
	},
	{ flags: "--namespace <name>", about: "the boundary of who sees it" },
	{ flags: "--json", about: "print the final record as the last line on stderr" },
];
