import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { type Fleet as Client, connect, type FinalRecord } from "@covey/client";
import type { TaskView, WorkerView } from "@covey/protocol";
import { type Daemon, type Finished, Machine, type RunOptions } from "./machine.ts";

export interface FleetOptions {
	/** Workers besides the embedded one, each on a machine of its own. */
	readonly workers?: number;
	readonly slots?: number;
	/** Slots of the embedded worker; 0 unless a test is about it. */
	readonly localSlots?: number;
	/** Short leases, so that a test of a lost worker takes seconds. */
	readonly leaseTtl?: string;
	/** Where the coordinator listens besides loopback. */
	readonly host?: string;
	/** The coordinator's machine, where a test prepares one. */
	readonly coordinator?: Machine;
}

export interface FleetWorker {
	readonly machine: Machine;
	daemon: Daemon;
	readonly name: string;
}

export interface JoinOptions {
	readonly slots?: number;
	readonly tags?: readonly string[];
	readonly machine?: Machine;
	/** The coordinator's address as this worker sees it. */
	readonly url?: string;
}

/** A coordinator, its workers and a client as separate processes with separate homes. */
export class Fleet implements AsyncDisposable {
	readonly coordinator: Machine;
	/** Where commands are typed: knows the coordinator by its address and a token. */
	readonly client: Machine;
	readonly url: string;
	readonly workers: FleetWorker[] = [];
	daemon: Daemon;
	/** The SDK, as the fleet's admin. It comes back after a restart of the coordinator. */
	readonly sdk: Client;
	readonly #owned: AsyncDisposableStack;

	private constructor(
		machines: { coordinator: Machine; client: Machine },
		up: { daemon: Daemon; url: string; sdk: Client },
		owned: AsyncDisposableStack,
	) {
		this.coordinator = machines.coordinator;
		this.client = machines.client;
		this.daemon = up.daemon;
		this.url = up.url;
		this.sdk = up.sdk;
		this.#owned = owned;
	}

	static async start(options: FleetOptions = {}): Promise<Fleet> {
		await using stack = new AsyncDisposableStack();
		const coordinator = stack.use(options.coordinator ?? (await Machine.create()));
		const daemon = await coordinator.start(["up", "--port", "0", ...(options.host ? ["--host", options.host] : [])], {
			environment: timing(options),
		});
		const url = (await daemon.says(/ready at (http:\/\/\S+)/))[1]!;
		const tokenFile = join(coordinator.state, "coordinator", "admin.token");
		const client = stack.use(await Machine.create({ environment: { COVEY_URL: url, COVEY_TOKEN_FILE: tokenFile } }));
		const sdk = stack.use(await connect({ url, token: (await readFile(tokenFile, "utf8")).trim() }));
		const fleet = new Fleet({ coordinator, client }, { daemon, url, sdk }, stack.move());
		fleet.#timing = timing(options);
		try {
			for (let i = 1; i <= (options.workers ?? 0); i++) await fleet.join(`worker-${i}`, options);
		} catch (error) {
			await fleet[Symbol.asyncDispose]();
			throw error;
		}
		return fleet;
	}

	#timing: Readonly<Record<string, string>> = {};

	/** The coordinator again, on the same port and state, after it has ended. */
	async restart(): Promise<void> {
		const port = new URL(this.url).port;
		this.daemon = await this.coordinator.start(["up", "--port", port], { environment: this.#timing, ready: /ready at/ });
	}

	/** A token of `covey token create`. */
	async token(...words: string[]): Promise<string> {
		const made = await this.client.covey(["token", "create", ...words]);
		if (made.code !== 0) throw new Error(`no token: ${made.stderr}`);
		return made.stdout.toString();
	}

	/** Enrols one more worker, as a person would. */
	async join(name: string, options: JoinOptions = {}): Promise<FleetWorker> {
		const machine = this.#owned.use(options.machine ?? (await Machine.create()));
		const tags = (options.tags ?? []).flatMap((tag) => ["--tag", tag]);
		const words = ["join", options.url ?? this.url, "--name", name, "--slots", String(options.slots ?? 2), ...tags];
		const daemon = await machine.start(words, { input: await this.token("join"), environment: this.#timing, ready: /connected/ });
		const worker = { machine, daemon, name };
		this.workers.push(worker);
		return worker;
	}

	/** The coordinator's address on another of its interfaces. */
	urlAt(host: string): string {
		return this.url.replace("127.0.0.1", host);
	}

	/** Resolves when the coordinator sees the worker so. Fails after 30 s. */
	async worker(name: string, status: WorkerView["status"]): Promise<WorkerView> {
		for (let tries = 0; tries < 600; tries++) {
			const { workers } = await this.sdk.call("worker.list", {});
			const found = workers.find((worker) => worker.name === name);
			if (found?.status === status) return found;
			await new Promise((resolve) => setTimeout(resolve, 50));
		}
		throw new Error(`${name} never was ${status}`);
	}

	/** `covey run …` to its end. */
	async run(words: readonly string[], options: RunOptions = {}): Promise<Finished> {
		return this.client.covey(["run", ...words], options);
	}

	/** `covey run --json …` to its end, and the record of its last line. */
	async record(words: readonly string[], options: RunOptions = {}): Promise<FinalRecord> {
		return recordOf(await this.run(["--json", ...words], options));
	}

	/** The task as soon as it `is` so. */
	async task(id: string, is: (task: TaskView) => boolean = () => true): Promise<TaskView> {
		for await (const item of this.sdk.follow(id, { output: false, signal: AbortSignal.timeout(30_000) }))
			if (item.type === "task" && is(item.task)) return item.task;
		throw new Error(`${id} ended otherwise`);
	}

	/** The tasks with this title, oldest first. */
	async tasks(title: RegExp): Promise<TaskView[]> {
		const { tasks } = await this.sdk.call("task.list", { limit: 1000 });
		return tasks.filter((task) => title.test(task.title)).reverse();
	}

	async [Symbol.asyncDispose](): Promise<void> {
		await this.#owned.disposeAsync();
	}
}

/** The document on the last line of stderr. */
export function recordOf(finished: Finished): FinalRecord {
	const last = finished.stderr.trimEnd().split("\n").at(-1)!;
	if (!last.startsWith("{")) throw new Error(`no record at the end of:\n${finished.stderr}`);
	return JSON.parse(last);
}

function timing({ leaseTtl, localSlots }: FleetOptions): Record<string, string> {
	const short = {
		COVEY_COORDINATOR_LEASE_TTL: leaseTtl ?? "",
		COVEY_COORDINATOR_SYNC_EVERY: "500ms",
		COVEY_COORDINATOR_PING_EVERY: "1s",
		COVEY_COORDINATOR_PONG_WITHIN: "900ms",
	};
	return { COVEY_COORDINATOR_LOCAL_SLOTS: String(localSlots ?? 0), ...(leaseTtl && short) };
}
