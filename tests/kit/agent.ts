import { Client, type ClientOptions, type Progress } from "@modelcontextprotocol/client";
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio";
import { type Machine, program } from "./machine.ts";

/** Both halves of a tool's answer. */
export interface ToolAnswer {
	readonly isError: boolean;
	readonly text: string;
	// biome-ignore lint/suspicious/noExplicitAny: a document, read by what a test expects of it
	readonly structured: any;
}

export interface AgentOptions {
	/** How the client calls itself. */
	readonly name?: string;
	/** Speaks 2026-07-28 in place of the old handshake. */
	readonly modern?: boolean;
	readonly words?: readonly string[];
	readonly environment?: Readonly<Record<string, string>>;
	readonly capabilities?: NonNullable<ClientOptions["capabilities"]>;
}

/** A coding agent's client with our server as its child, as it is started from a configuration. */
export class Agent implements AsyncDisposable {
	readonly client: Client;
	readonly #transport: StdioClientTransport;
	stderr = "";

	private constructor(client: Client, transport: StdioClientTransport) {
		this.client = client;
		this.#transport = transport;
		transport.stderr?.on("data", (chunk) => (this.stderr += chunk));
	}

	static async start(machine: Machine, worktree: string, options: AgentOptions = {}): Promise<Agent> {
		const [command, ...args] = [...program, "mcp", "--worktree", worktree, ...(options.words ?? [])] as [string, ...string[]];
		const env = { ...machine.environment, ...options.environment };
		const transport = new StdioClientTransport({ command, args, env, stderr: "pipe" });
		const client = new Client(
			{ name: options.name ?? "a-test", version: "1" },
			{ capabilities: options.capabilities ?? {}, versionNegotiation: { mode: options.modern ? "auto" : "legacy" } },
		);
		const agent = new Agent(client, transport);
		await client.connect(transport);
		return agent;
	}

	get pid(): number {
		return this.#transport.pid as number;
	}

	async call(
		name: string,
		args: Readonly<Record<string, unknown>> = {},
		options: { readonly signal?: AbortSignal; readonly onprogress?: (progress: Progress) => void } = {},
	): Promise<ToolAnswer> {
		const result = await this.client.callTool({ name, arguments: args }, { timeout: 120_000, ...options });
		const text = (result.content as { readonly text?: string }[]).map((part) => part.text ?? "").join("\n");
		return { isError: result.isError === true, text, structured: result.structuredContent };
	}

	/** Ends the server by a signal to it alone, and waits until it is gone. */
	async kill(signal: NodeJS.Signals): Promise<void> {
		const closed = new Promise<void>((resolve) => (this.client.onclose = resolve));
		process.kill(this.pid, signal);
		await closed;
	}

	/** The client ends as it does when its agent is done: by closing the server's stdin. */
	async [Symbol.asyncDispose](): Promise<void> {
		await this.client.close();
	}
}
