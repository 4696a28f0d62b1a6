import { broughtProgram } from "./brought.ts";

/** How a vendor's CLI is run without a person, a login and a network, as one who follows the vendor's manual would. */
export interface AgentCli {
	readonly name: "claude" | "codex" | "gemini" | "opencode";
	/** Its configuration, a path in the home. */
	readonly file: string;
	/** What stands in it before our entry is installed. `model` is the model's URL. */
	readonly settings: (model: string) => string;
	/** What a person adds for a server that is reached over HTTP. */
	readonly remoteEntry: (url: string, token: string) => string;
	readonly environment: (model: string) => Readonly<Record<string, string>>;
	/** One session, whose prompt comes on stdin. */
	readonly words: readonly string[];
	/** Which half of a result the model is shown. */
	readonly shows: "text" | "structure";
}

const key = "a-key-of-no-worth";

const claude: AgentCli = {
	name: "claude",
	file: ".claude.json",
	settings: () => "{}",
	remoteEntry: (url, token) =>
		JSON.stringify({ mcpServers: { covey: { type: "http", url, headers: { Authorization: `Bearer ${token}` }, alwaysLoad: true } } }),
	environment: (model) => ({
		ANTHROPIC_BASE_URL: model,
		ANTHROPIC_API_KEY: key,
		CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: "1",
		CLAUDE_CODE_MAX_RETRIES: "1",
	}),
	words: ["-p", "--output-format", "stream-json", "--verbose", "--permission-mode", "dontAsk", "--allowedTools", "mcp__covey"],
	shows: "structure",
};

const codex: AgentCli = {
	name: "codex",
	file: ".codex/config.toml",
	settings: (model) =>
		[
			'model = "scripted"',
			'model_provider = "scripted"',
			"[model_providers.scripted]",
			'name = "scripted"',
			`base_url = "${model}/v1"`,
			'wire_api = "responses"',
			'env_key = "SCRIPTED_KEY"',
		].join("\n"),
	remoteEntry: (url, token) =>
		[
			"[mcp_servers.covey]",
			`url = "${url}"`,
			`http_headers = { Authorization = "Bearer ${token}" }`,
			'default_tools_approval_mode = "approve"',
			"tool_timeout_sec = 3600",
		].join("\n"),
	environment: () => ({ SCRIPTED_KEY: key }),
	words: ["exec", "--json", "-s", "workspace-write", "-"],
	shows: "structure",
};

const gemini: AgentCli = {
	name: "gemini",
	file: ".gemini/settings.json",
	settings: () =>
		JSON.stringify({
			security: { auth: { selectedType: "gemini-api-key" } },
			privacy: { usageStatisticsEnabled: false },
			telemetry: { enabled: false },
			general: { enableAutoUpdate: false },
		}),
	remoteEntry: (url, token) =>
		JSON.stringify({
			mcpServers: { covey: { httpUrl: url, headers: { Authorization: `Bearer ${token}` }, trust: true, timeout: 3_600_000 } },
		}),
	environment: (model) => ({
		GOOGLE_GEMINI_BASE_URL: model,
		GEMINI_API_KEY: key,
		GEMINI_CLI_TRUST_WORKSPACE: "true",
		GEMINI_CLI_NO_RELAUNCH: "true",
	}),
	words: ["-o", "stream-json", "-m", "gemini-2.5-pro"],
	shows: "text",
};

const opencode: AgentCli = {
	name: "opencode",
	file: ".config/opencode/opencode.json",
	settings: (model) =>
		JSON.stringify({
			autoupdate: false,
			share: "disabled",
			provider: {
				scripted: {
					npm: "@ai-sdk/openai-compatible",
					options: { baseURL: `${model}/v1`, apiKey: key },
					models: { scripted: { name: "scripted" } },
				},
			},
		}),
	remoteEntry: (url, token) =>
		JSON.stringify({
			mcp: { covey: { type: "remote", url, headers: { Authorization: `Bearer ${token}` }, enabled: true, timeout: 3_600_000 } },
		}),
	environment: () => ({}),
	words: ["run", "--format", "json", "--auto", "-m", "scripted/scripted"],
	shows: "text",
};

export const agentClis: readonly AgentCli[] = [claude, codex, gemini, opencode];

/** The command line of one session. */
export const sessionOf = (cli: AgentCli): string[] => [broughtProgram(cli.name), ...cli.words];
