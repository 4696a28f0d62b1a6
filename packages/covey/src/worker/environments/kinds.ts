import { join } from "node:path";
import { readsWholeTree } from "./flake-reads.ts";

/** What brings the tools of a worktree: how it is recognised, made ready, and entered. */
export interface Kind {
	readonly name: "nix" | "devbox" | "mise" | "direnv";
	readonly program: string;
	/** Any of these at the root of the tree asks for it, the first that is there. */
	readonly askedBy: readonly string[];
	/** Paths of the files that make the environment, together with those that they mention. */
	readonly madeOf: RegExp;
	/** Whether the text of those files may read others that it does not name. */
	readonly readsAll: (text: string) => boolean;
	/** Makes it ready; what it writes to stdout is kept as `Places.script`. */
	readonly setUp: (places: Places) => readonly string[];
	/** The job's command inside of it. */
	readonly enter: (command: readonly string[], places: Places) => readonly string[];
	/** Variables for both. */
	readonly environment: (places: Places) => Readonly<Record<string, string>>;
	/** A link in our directory that leads to what is ready; gone when the tool has cleared it away. */
	readonly link?: string;
	/** Its set-up runs nothing of the tree but in the tool's own sandbox, and needs what ours would take away: it is not put into ours, and gets none of the job's variables. */
	readonly contained: boolean;
	/** Why there is none for a job in a sandbox. */
	readonly notSandboxed?: string;
	/** Is one for every worktree that has the same files. */
	readonly movable: boolean;
}

export interface Places {
	/** Of the worktree. */
	readonly root: string;
	/** Ours, for this environment alone; outlives the attempt. */
	readonly directory: string;
	/** What `setUp` wrote to stdout. */
	readonly script: string;
	/** In our directory, what a set-up in the sandbox may change. Not the script's own place: a link there would lead us out. */
	readonly tools: string;
	/** The job runs in a sandbox: what it asks for must hold for what is set up too. */
	readonly sandboxed: boolean;
}

// As in nix develop a hook that ends with a false test, as `[ -t 1 ] && …`, is no reason not to run the command.
const enterScript = '[ -r "$1" ] || { echo "covey: the environment was cleared away: $1" >&2; exit 127; }; source "$1"; shift; exec "$@"';
const sourced: Kind["enter"] = (command, { script }) => ["bash", "-c", enterScript, "covey", script, ...command];
const features = ["--extra-experimental-features", "nix-command flakes"];

/** Direnv itself takes what bash cannot read for an empty `.envrc`. What it adds for its own use is left out. */
const evaluateEnvrc = `
cd "$2" && bash -n .envrc && XDG_DATA_HOME="$1" direnv allow . && variables="$(XDG_DATA_HOME="$1" direnv export bash)" || exit 1
printf '%s\\nunset DIRENV_DIR DIRENV_FILE DIRENV_DIFF DIRENV_WATCHES\\n' "$variables"`;

/**
 * In the order in which `auto` asks.
 *
 * Of nix it is `print-dev-env`, which writes the environment that `nix develop` would enter: that evaluates the flake once
 * for each lock file and not once for each job, and asks no registry for a shell. The profile keeps it from being
 * collected as garbage.
 */
export const kinds: readonly Kind[] = [
	{
		name: "nix",
		program: "nix",
		askedBy: ["flake.nix"],
		madeOf: /^flake\.lock$|\.nix$/,
		readsAll: readsWholeTree,
		setUp: ({ root, directory }) => [
			"nix",
			...features,
			"print-dev-env",
			"--no-write-lock-file",
			"--profile",
			join(directory, "profile"),
			root,
		],
		enter: sourced,
		environment: () => ({}),
		// An input such as `path:/home/…` is copied into the store, which every job can read, before anything else is asked.
		notSandboxed: "nix evaluates a flake outside of the sandbox, with what this machine's user can read",
		link: "profile",
		contained: true,
		movable: true,
	},
	{
		name: "devbox",
		program: "devbox",
		askedBy: ["devbox.json"],
		madeOf: /^devbox\.(json|lock)$/,
		readsAll: () => false,
		setUp: ({ root }) => ["devbox", "install", "--config", root],
		enter: (command, { root }) => ["devbox", "run", "--config", root, "--", ...command],
		environment: () => ({ DEVBOX_DEBUG: "0" }),
		notSandboxed: "devbox installs into the home directory and the Nix store, which a job of isolation level 2 may not change",
		contained: false,
		movable: false,
	},
	{
		name: "mise",
		program: "mise",
		askedBy: ["mise.toml", ".mise.toml", ".tool-versions"],
		madeOf: /^\.?mise(\.[\w-]+)*\.(toml|lock)$|^(\.config\/)?\.?mise\/|^\.tool-versions$|^\.(nvmrc|[a-z]+-version)$/,
		readsAll: () => false,
		// In a sandbox, which has the home read-only, the tools lie in our directory, and the job, which must not change them, does without mise.
		setUp: ({ root, sandboxed }) =>
			sandboxed
				? ["sh", "-c", 'mise install --yes -C "$1" >&2 && mise env -s bash -C "$1"', "covey", root]
				: ["mise", "install", "--yes", "-C", root],
		enter: (command, places) => (places.sandboxed ? sourced(command, places) : ["mise", "exec", "--", ...command]),
		environment: ({ root, tools, sandboxed }) => ({
			MISE_TRUSTED_CONFIG_PATHS: root,
			MISE_YES: "1",
			...(sandboxed && {
				MISE_DATA_DIR: join(tools, "data"),
				MISE_CACHE_DIR: join(tools, "cache"),
				MISE_STATE_DIR: join(tools, "state"),
			}),
		}),
		contained: false,
		movable: false,
	},
	{
		name: "direnv",
		program: "direnv",
		askedBy: [".envrc"],
		madeOf: /^\.envrc$/,
		// It is a program.
		readsAll: () => true,
		// What it allows is written down in our directory, which is no concern of the job's.
		setUp: ({ root, tools }) => ["bash", "-c", evaluateEnvrc, "covey", tools, root],
		enter: sourced,
		environment: () => ({}),
		contained: false,
		movable: false,
	},
];
