import { spawn } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Fleet } from "../kit/fleet.ts";
import { Daemon, Machine } from "../kit/machine.ts";
import { ModelServer, type Script } from "../kit/model-server.ts";
import { type AgentCli, sessionOf } from "./cli.ts";

/** A person's machine with an agent's CLI whose model is scripted, set up by `covey mcp install` and by nothing else of ours. */
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

	static async create(cli: AgentCli, fleet: Fleet, script: Script): Promise<Desktop> {
		await using stack = new AsyncDisposableStack();
		const model = stack.use(await ModelServer.start(script));
		const machine = stack.use(await Machine.create());
		const tokenFile = join(machine.home, "covey.token");
		for (const [name, text] of Object.entries({
			...cli.files(model.url),
			"covey.token": await fleet.token("client", "--role", "submit"),
		})) {
			mkdirSync(dirname(join(machine.home, name)), { recursive: true });
			writeFileSync(join(machine.home, name), text, { mode: 0o600 });
		}
		const installed = await machine.covey(["mcp", "install", cli.name, "--yes", "--url", fleet.url, "--token-file", tokenFile]);
		if (installed.code !== 0) throw new Error(installed.stderr);
		return new Desktop(cli, machine, model, stack.move());
	}

	/** One session in `directory`, its prompt sent and its stdin closed. */
	begin(directory: string): Daemon {
		const [program, ...words] = sessionOf(this.#cli) as [string, ...string[]];
		const env = { ...this.machine.environment, ...this.#cli.environment(this.model.url) };
		const child = spawn(program, words, { cwd: directory, env });
		child.stdin.end("Task: do as the model says.\n");
		const session = new Daemon(child);
		this.#owned.defer(() => session.stop("SIGKILL").then(() => {}));
		return session;
	}

	async [Symbol.asyncDispose](): Promise<void> {
		await this.#owned.disposeAsync();
	}
}
