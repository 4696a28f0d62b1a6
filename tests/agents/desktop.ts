import { spawn } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Fleet } from "../kit/fleet.ts";
import { Daemon, Machine } from "../kit/machine.ts";
import { ModelServer, type Script } from "../kit/model-server.ts";
import { type AgentCli, sessionOf } from "./cli.ts";

/** A person's machine with an agent's CLI whose model is scripted, with nothing of ours but the entry for our server. */
export class Desktop implements AsyncDisposable {
	readonly machine: Machine;
	readonly model: ModelServer;
	readonly #cli: AgentCli;
	readonly #owned: AsyncDisposableStack;

	private constructor(cli: AgentCli, machine: Machine, model: ModelServer, owned: AsyncDisposableStack) {
		this.#cli = cli;
		this.machine = machine;
		this.model = model;
		this.#owned = owned;
	}

	/** Our server is the CLI's child, as `covey mcp install` has it. */
	static async create(cli: AgentCli, fleet: Fleet, script: Script): Promise<Desktop> {
		return Desktop.#create(cli, script, async (machine, settings) => {
			write(machine, cli.file, settings);
			const token = write(machine, "covey.token", await fleet.token("client", "--role", "submit"));
			const installed = await machine.covey(["mcp", "install", cli.name, "--yes", "--url", fleet.url, "--token-file", token]);
			if (installed.code !== 0) throw new Error(installed.stderr);
		});
	}

	/** Our server is the coordinator's `/mcp`, with a token for `worktree`. */
	static async createRemote(cli: AgentCli, fleet: Fleet, script: Script, worktree: string): Promise<Desktop> {
		return Desktop.#create(cli, script, async (machine, settings) => {
			const token = await fleet.token("mcp", "--worktree", worktree);
			const entry = cli.remoteEntry(`${fleet.url}/mcp`, token.trim());
			const both = cli.file.endsWith(".json")
				? JSON.stringify({ ...JSON.parse(settings), ...JSON.parse(entry) })
				: `${settings}\n${entry}\n`;
			write(machine, cli.file, both);
		});
	}

	static async #create(cli: AgentCli, script: Script, install: (machine: Machine, settings: string) => Promise<void>): Promise<Desktop> {
		await using stack = new AsyncDisposableStack();
		const model = stack.use(await ModelServer.start(script));
		const machine = stack.use(await Machine.create());
		await install(machine, cli.settings(model.url));
		return new Desktop(cli, machine, model, stack.move());
	}

	/** One session in `directory`, its prompt sent and its stdin closed; it leads a process group, as at a terminal. */
	begin(directory: string): Daemon {
		const [program, ...words] = sessionOf(this.#cli) as [string, ...string[]];
		const env = { ...this.machine.environment, ...this.#cli.environment(this.model.url) };
		const child = spawn(program, words, { cwd: directory, env, detached: true });
		child.stdin.end("Task: do as the model says.\n");
		const session = new Daemon(child);
		this.#owned.defer(() => session.stop("SIGKILL").then(() => {}));
		return session;
	}

	async [Symbol.asyncDispose](): Promise<void> {
		await this.#owned.disposeAsync();
	}
}

/** @returns where it stands. */
function write(machine: Machine, name: string, text: string): string {
	const file = join(machine.home, name);
	mkdirSync(dirname(file), { recursive: true });
	writeFileSync(file, text, { mode: 0o600 });
	return file;
}
