/** How our server is started, the same for all clients. */
export interface ServerEntry {
	readonly command: string;
	readonly args: readonly string[];
	readonly environment: Readonly<Record<string, string>>;
}

export interface ClientConfig {
	/** As a person calls it. */
	readonly title: string;
	/** Relative to the home directory; `config` stands for the directory of configurations (XDG). */
	readonly file: { readonly under: "home" | "config"; readonly path: string };
	readonly format: "json" | "toml";
	/** Where in the document our entry stands. */
	readonly at: readonly string[];
	readonly entry: (server: ServerEntry) => Readonly<Record<string, unknown>>;
	/** What stands for the worktree that the client has open, where it does not start servers in it. */
	readonly worktree: string;
	/** What the person has to do or know; a sentence each. */
	readonly notes: readonly string[];
}

const hourSeconds = 3600;

/**
 * The configuration of each client: a limit per call that outlasts our own wait, tools that are there from the start
 * (Claude Code hides them behind a search otherwise), and approval of what is annotated as harmless.
 */
export const clients = {
	claude: {
		title: "Claude Code",
		file: { under: "home", path: ".claude.json" },
		format: "json",
		at: ["mcpServers", "covey"],
		entry: ({ command, args, environment }) => ({
			type: "stdio",
			command,
			args,
			env: environment,
			alwaysLoad: true,
			timeout: hourSeconds * 1000,
		}),
		worktree: ".",
		notes: [],
	},
	codex: {
		title: "Codex",
		file: { under: "home", path: ".codex/config.toml" },
		format: "toml",
		at: ["mcp_servers", "covey"],
		entry: ({ command, args, environment }) => ({
			command,
			args,
			env: environment,
			startup_timeout_sec: 20,
			tool_timeout_sec: hourSeconds,
			default_tools_approval_mode: "approve",
		}),
		worktree: ".",
		notes: ["Codex asks nobody in `codex exec`, so the tools are approved beforehand: run_command among them."],
	},
	gemini: {
		title: "Gemini CLI",
		file: { under: "home", path: ".gemini/settings.json" },
		format: "json",
		at: ["mcpServers", "covey"],
		entry: ({ command, args, environment }) => ({ command, args, env: environment, trust: true, timeout: hourSeconds * 1000 }),
		worktree: ".",
		notes: ["Gemini offers tools in its default mode only from servers that are trusted: `trust` is set."],
	},
	cursor: {
		title: "Cursor",
		file: { under: "home", path: ".cursor/mcp.json" },
		format: "json",
		at: ["mcpServers", "covey"],
		entry: ({ command, args, environment }) => ({ type: "stdio", command, args, env: environment }),
		// biome-ignore lint/suspicious/noTemplateCurlyInString: the client's own variable
		worktree: "${workspaceFolder}",
		notes: [],
	},
	opencode: {
		title: "opencode",
		file: { under: "config", path: "opencode/opencode.json" },
		format: "json",
		at: ["mcp", "covey"],
		entry: ({ command, args, environment }) => ({
			type: "local",
			command: [command, ...args],
			environment,
			enabled: true,
			timeout: hourSeconds * 1000,
		}),
		worktree: ".",
		notes: [],
	},
	vscode: {
		title: "Visual Studio Code",
		file: { under: "config", path: "Code/User/mcp.json" },
		format: "json",
		at: ["servers", "covey"],
		entry: ({ command, args, environment }) => ({ type: "stdio", command, args, env: environment }),
		// biome-ignore lint/suspicious/noTemplateCurlyInString: the client's own variable
		worktree: "${workspaceFolder}",
		notes: [],
	},
} as const satisfies Readonly<Record<string, ClientConfig>>;

export type ClientName = keyof typeof clients;
export const clientNames = Object.keys(clients) as ClientName[];
