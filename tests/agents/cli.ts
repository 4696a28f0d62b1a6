import { broughtProgram } from "./brought.ts";

/** How a vendor's CLI is run without a person, a login and a network, as one who follows the vendor's manual would. */
export interface AgentCli {
	readonly name: "claude" | "codex" | "gemini" | "opencode";
	/** Files of its home besides our entry, there before that is installed. `model` is the model's URL. */
	readonly files: (model: string) => Readonly<Record<string, string>>;
	readonly environment: (model: string) => Readonly<Record<string, string>>;
	/** One session, whose prompt comes on stdin. */
	readonly words: readonly string[];
	/** Which half of a result the model is shown. */
	readonly shows: "text" | "structure";
}

const key = "a-key-of-no-worth";

const claude: AgentCli = {
	name: "claude",
	files: () => ({}),
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
	files: (model) => ({
		".codex/config.toml": [
			'model = "scripted"',
			'model_provider = "scripted"',
			"[model_providers.scripted]",
			'name = "scripted"',
			`base_url = "${model}/v1"`,
			'wire_api = "responses"',
			'env_key = "SCRIPTED_KEY"',
		].join("\n"),
	}),
	environment: () => ({ SCRIPTED_KEY: key }),
	words: ["exec", "--json", "-s", "workspace-write", "-"],
	shows: "structure",
};

const gemini: AgentCli = {
	name: "gemini",
	files: () => ({
		".gemini/settings.json": JSON.stringify({
			security: { auth: { selectedType: "gemini-api-key" } },
			privacy: { usageStatisticsEnabled: false },
			telemetry: { enabled: false },
			general: { enableAutoUpdate: false },
		}),
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
	files: (model) => ({
		".config/opencode/opencode.json": JSON.stringify({
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
	}),
	environment: () => ({}),
	words: ["run", "--format", "json", "--auto", "-m", "scripted/scripted"],
	shows: "text",
};

export const agentClis: readonly AgentCli[] = [claude, codex, gemini, opencode];

/** The command line of one session. */
export const sessionOf = (cli: AgentCli): string[] => [broughtProgram(cli.name), ...cli.words];
