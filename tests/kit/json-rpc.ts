import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { type Machine, program } from "./machine.ts";

/** A client of the MCP server that sends and sees what is on the wire, for what the SDK's client does not speak. */
export class JsonRpc implements AsyncDisposable {
	readonly #child: ChildProcess;
	readonly #waiting = new Map<number, (message: { readonly result?: unknown; readonly error?: { readonly message: string } }) => void>();
	readonly #meta: Readonly<Record<string, unknown>>;
	#id = 0;

	constructor(machine: Machine, worktree: string, capabilities: Readonly<Record<string, unknown>>) {
		const [command, ...rest] = [...program, "mcp", "--worktree", worktree] as [string, ...string[]];
		this.#child = spawn(command, rest, { env: machine.environment, stdio: ["pipe", "pipe", "ignore"] });
		this.#meta = {
			"io.modelcontextprotocol/protocolVersion": "2026-07-28",
			"io.modelcontextprotocol/clientInfo": { name: "a-test", version: "1" },
			"io.modelcontextprotocol/clientCapabilities": capabilities,
		};
		createInterface({ input: this.#child.stdout! }).on("line", (line) => {
			const message = JSON.parse(line);
			this.#waiting.get(message.id)?.(message);
		});
	}

	/** @throws the error's message. */
	async request(method: string, params: Readonly<Record<string, unknown>> = {}): Promise<unknown> {
		const id = ++this.#id;
		const answered = new Promise<{ readonly result?: unknown; readonly error?: { readonly message: string } }>((resolve) =>
			this.#waiting.set(id, resolve),
		);
		this.#child.stdin!.write(`${JSON.stringify({ jsonrpc: "2.0", id, method, params: { ...params, _meta: this.#meta } })}\n`);
		const { result, error } = await answered;
		if (error) throw new Error(error.message);
		return result;
	}

	async [Symbol.asyncDispose](): Promise<void> {
		const ended = once(this.#child, "exit");
		this.#child.stdin!.end();
		await ended;
	}
}
