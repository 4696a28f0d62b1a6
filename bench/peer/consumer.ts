import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { importPeer } from "./modules.ts";

/**
 * Works off a peer's waiting jobs and says how fast that was: as a program, `node consumer.ts PEER ORDER`, it prints
 * jobs a second from the first start to the last end.
 */
interface Order {
	readonly jobs: number;
	readonly concurrency: number;
	/** A port of Redis, or an address of PostgreSQL. */
	readonly connection: string;
}

const consumers: Readonly<Record<string, (order: Order, counter: Counter) => Promise<() => Promise<unknown>>>> = {
	async bullmq({ concurrency, connection }, counter) {
		const { Worker } = await importPeer<{
			Worker: new (
				name: string,
				work: () => Promise<void>,
				options: unknown,
			) => { on(event: "completed", hear: () => void): void; close(): Promise<void> };
		}>("bullmq");
		const worker = new Worker("bench", async () => counter.started(), {
			concurrency,
			connection: { port: Number(connection), host: "127.0.0.1" },
		});
		worker.on("completed", () => counter.ended());
		return () => worker.close();
	},
	async graphile({ concurrency, connection }, counter) {
		const { run } = await importPeer<{ run(options: unknown): Promise<{ events: NodeJS.EventEmitter; stop(): Promise<void> }> }>(
			"graphile-worker",
		);
		const runner = await run({
			connectionString: connection,
			noHandleSignals: true,
			taskList: { "no-op": async () => counter.started() },
			preset: {
				worker: {
					concurrentJobs: concurrency,
					maxPoolSize: concurrency + 1,
					localQueue: { size: 500, refetchDelay: { durationMs: 10 } },
					completeJobBatchDelay: 0,
					failJobBatchDelay: 0,
				},
			},
			logger: undefined,
		});
		runner.events.on("job:complete", () => counter.ended());
		return () => runner.stop();
	},
};

export async function processedPerSecond(peer: string, order: Order): Promise<number> {
	const child = spawn(process.execPath, [fileURLToPath(import.meta.url), peer, JSON.stringify(order)], {
		stdio: ["ignore", "pipe", "ignore"],
	});
	let said = "";
	child.stdout.setEncoding("utf8").on("data", (text: string) => {
		said += text;
	});
	const [code] = await once(child, "close");
	const rate = Number(/RATE (\S+)/.exec(said)?.[1]);
	if (code !== 0 || !(rate > 0)) throw new Error(`the consumer of ${peer} ended with ${code}`);
	return rate;
}

class Counter {
	readonly #all = Promise.withResolvers<number>();
	#firstAt = 0;
	#ended = 0;
	readonly #jobs: number;

	constructor(jobs: number) {
		this.#jobs = jobs;
	}

	get all(): Promise<number> {
		return this.#all.promise;
	}

	started(): void {
		this.#firstAt ||= performance.now();
	}

	ended(): void {
		if (++this.#ended === this.#jobs) this.#all.resolve((this.#jobs * 1000) / (performance.now() - this.#firstAt));
	}
}

if (import.meta.main) {
	const [peer, order] = process.argv.slice(2) as [string, string];
	const parsed = JSON.parse(order) as Order;
	const counter = new Counter(parsed.jobs);
	const stop = await consumers[peer]!(parsed, counter);
	const rate = await counter.all;
	await stop();
	process.stdout.write(`RATE ${rate}\n`, () => process.exit(0));
}
