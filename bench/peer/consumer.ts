import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { importPeer } from "./modules.ts";

/**
 * Works off a peer's waiting jobs and says how fast that was: as a program, `node consumer.ts PEER ORDER`, it takes
 * nothing until it reads a line with how many jobs there are, and then prints jobs a second from the first start to the
 * last end, again and again until its input ends.
 */
interface Order {
	readonly concurrency: number;
	/** A port of Redis, or an address of PostgreSQL. */
	readonly connection: string;
}

interface Consumer {
	take(): Promise<unknown>;
	rest(): Promise<unknown>;
	end(): Promise<unknown>;
}

const consumers: Readonly<Record<string, (order: Order, counter: Counter) => Promise<Consumer>>> = {
	async bullmq({ concurrency, connection }, counter) {
		const { Worker } = await importPeer<{
			Worker: new (
				name: string,
				work: () => Promise<void>,
				options: unknown,
			) => {
				on(event: "completed", hear: () => void): void;
				run(): Promise<void>;
				pause(): Promise<void>;
				resume(): void;
				close(): Promise<void>;
			};
		}>("bullmq");
		const worker = new Worker("bench", async () => counter.started(), {
			concurrency,
			connection: { port: Number(connection), host: "127.0.0.1" },
			autorun: false,
		});
		worker.on("completed", () => counter.ended());
		let running = false;
		return {
			async take() {
				if (running) worker.resume();
				else void worker.run();
				running = true;
			},
			rest: () => worker.pause(),
			end: () => worker.close(),
		};
	},
	async graphile({ concurrency, connection }, counter) {
		const { run } = await importPeer<{ run(options: unknown): Promise<{ events: NodeJS.EventEmitter; stop(): Promise<void> }> }>(
			"graphile-worker",
		);
		const options = {
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
		};
		let runner: Awaited<ReturnType<typeof run>> | undefined;
		return {
			async take() {
				runner = await run(options);
				runner.events.on("job:complete", () => counter.ended());
			},
			rest: async () => runner?.stop(),
			end: async () => {},
		};
	},
};

/** A consumer in a process of its own. */
export interface ConsumerProcess extends AsyncDisposable {
	/** Takes and completes what waits, so many jobs. @returns jobs a second. */
	processAll(jobs: number): Promise<number>;
}

export function startConsumer(peer: string, order: Order): ConsumerProcess {
	const child = spawn(process.execPath, [fileURLToPath(import.meta.url), peer, JSON.stringify(order)], {
		stdio: ["pipe", "pipe", "ignore"],
	});
	const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
	return {
		async processAll(jobs) {
			child.stdin.write(`${jobs}\n`);
			for (;;) {
				const { value, done } = await lines.next();
				if (done) throw new Error(`the consumer of ${peer} ended`);
				const rate = Number(/^RATE (\S+)/.exec(value)?.[1]);
				if (rate > 0) return rate;
			}
		},
		async [Symbol.asyncDispose]() {
			child.stdin.end();
			if (child.exitCode === null) await once(child, "exit");
		},
	};
}

class Counter {
	#all = Promise.withResolvers<number>();
	#firstAt = 0;
	#ended = 0;
	#jobs = 0;

	/** Resolves with jobs a second when so many more have ended. */
	expect(jobs: number): Promise<number> {
		this.#all = Promise.withResolvers();
		this.#firstAt = 0;
		this.#ended = 0;
		this.#jobs = jobs;
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
	const counter = new Counter();
	const consumer = await consumers[peer]!(JSON.parse(order) as Order, counter);
	for await (const line of createInterface(process.stdin)) {
		const rate = counter.expect(Number(line));
		await consumer.take();
		const reached = await rate;
		await consumer.rest();
		process.stdout.write(`RATE ${reached}\n`);
	}
	await consumer.end();
	process.exit(0);
}
