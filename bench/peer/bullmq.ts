import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startConsumer } from "./consumer.ts";
import { importPeer } from "./modules.ts";
import type { QueuePeer } from "./queue-peer.ts";
import { freePort, listening, quit } from "./server.ts";

interface BullMq {
	readonly Queue: new (
		name: string,
		options: unknown,
	) => { waitUntilReady(): Promise<unknown>; add(name: string, data: unknown, options: unknown): Promise<unknown>; close(): Promise<void> };
}

/** BullMQ on a Redis of its own that writes each command to disk before it answers. */
export async function startBullMq(concurrency: number): Promise<QueuePeer> {
	const { Queue } = await importPeer<BullMq>("bullmq");
	const directory = mkdtempSync(join(tmpdir(), "covey-redis-"));
	const port = await freePort();
	const settings = { port, dir: directory, bind: "127.0.0.1", appendonly: "yes", appendfsync: "always", save: "" };
	const server = spawn(
		"redis-server",
		Object.entries(settings).flatMap(([name, value]) => [`--${name}`, String(value)]),
		{ stdio: "ignore" },
	);
	await listening(port, server);
	const queue = new Queue("bench", { connection: { port, host: "127.0.0.1" } });
	await queue.waitUntilReady();
	const consumer = startConsumer("bullmq", { concurrency, connection: String(port) });
	return {
		name: "BullMQ, Redis with appendfsync always",
		add: (payload) => queue.add("no-op", { payload }, { removeOnComplete: true }),
		processAll: (jobs) => consumer.processAll(jobs),
		async [Symbol.asyncDispose]() {
			await consumer[Symbol.asyncDispose]();
			await queue.close();
			await quit(server);
			rmSync(directory, { recursive: true, force: true });
		},
	};
}
