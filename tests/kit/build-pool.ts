import { mkdir, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join, resolve } from "node:path";
import { type Daemon, Machine } from "./machine.ts";

export interface BuildPoolOptions {
	/** Of the coordinator's configuration file, besides the ports. */
	readonly config?: (ports: { readonly git: number }) => string;
}

/** A machine with a build pool's coordinator, started by `covey build-pool start`, and agents beside it. */
export class BuildPool implements AsyncDisposable {
	readonly machine: Machine;
	readonly ports: { readonly api: number; readonly workers: number; readonly git: number };
	readonly #agents: Machine[] = [];

	private constructor(machine: Machine, ports: BuildPool["ports"]) {
		this.machine = machine;
		this.ports = ports;
	}

	static async start({ config = () => "" }: BuildPoolOptions = {}): Promise<BuildPool> {
		const [api, workers, git] = await freePorts(3);
		const ports = { api: api!, workers: workers!, git: git! };
		const machine = await Machine.create();
		const pool = new BuildPool(machine, ports);
		try {
			await pool.configure(config(ports));
			await pool.expect(["build-pool", "start"]);
			return pool;
		} catch (error) {
			await pool[Symbol.asyncDispose]();
			throw error;
		}
	}

	get url(): string {
		return `http://127.0.0.1:${this.ports.api}`;
	}

	/** Writes the coordinator's file, which counts from its next start on. `more` begins inside of `[build_pool]`. */
	async configure(more: string): Promise<void> {
		const directory = join(this.machine.home, ".config/covey");
		await mkdir(directory, { recursive: true });
		const text = `[coordinator]\nport = ${this.ports.api}\nlisten = []\n[build_pool]\nport = ${this.ports.workers}\n${more}`;
		await writeFile(join(directory, "config.toml"), text);
	}

	/** A command on the coordinator's machine that has to succeed; what it printed. */
	async expect(words: readonly string[]): Promise<string> {
		const { code, stdout, stderr } = await this.machine.covey(words);
		if (code !== 0) throw new Error(`covey ${words.join(" ")} ended with ${code}:\n${stderr}`);
		return stdout.toString();
	}

	async json<T>(words: readonly string[]): Promise<T> {
		return JSON.parse(await this.expect([...words, "--json"])) as T;
	}

	/** A build agent on a machine of its own, with a fresh join token, in its home or in `token`; `lines` are the rest of its file. */
	async agent(
		name: string,
		lines = "",
		token = "token",
	): Promise<{ readonly machine: Machine; readonly daemon: Daemon; readonly file: string }> {
		const machine = await Machine.create();
		this.#agents.push(machine);
		await writeFile(resolve(machine.home, token), await this.expect(["token", "create", "join"]), { mode: 0o600 });
		const file = join(machine.home, "agent.toml");
		const fixed = `serverUrl = "ws://127.0.0.1:${this.ports.workers}"\nname = "${name}"\njoinTokenFile = "${token}"\n`;
		await writeFile(file, `${fixed}stateDir = "state"\ngitCacheDir = "git"\nworktreeDir = "trees"\n${lines}`);
		const daemon = await machine.start(["worker", "start", "--config", file], { ready: /connected to/ });
		return { machine, daemon, file };
	}

	async [Symbol.asyncDispose](): Promise<void> {
		// Whatever a test has started of it again.
		await this.machine.covey(["build-pool", "stop", "--within", "0s"]);
		const disposed = await Promise.allSettled([...this.#agents, this.machine].map((machine) => machine[Symbol.asyncDispose]()));
		for (const one of disposed) if (one.status === "rejected") throw one.reason;
	}
}

/** Ports that nobody had a moment ago. */
async function freePorts(count: number): Promise<number[]> {
	const servers = Array.from({ length: count }, () => createServer());
	const ports = await Promise.all(
		servers.map(
			(server) =>
				new Promise<number>((resolve) => server.listen(0, "127.0.0.1", () => resolve((server.address() as { port: number }).port))),
		),
	);
	await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
	return ports;
}
