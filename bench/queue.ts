import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as wait } from "node:timers/promises";
import { Fleet } from "../tests/kit/fleet.ts";
import { ratePerSecond } from "./kit/in-flight.ts";
import { interleave } from "./kit/time.ts";
import { type BenchLine, toLine } from "./line.ts";
import { startBullMq } from "./peer/bullmq.ts";
import { startGraphile } from "./peer/graphile.ts";
import type { QueuePeer } from "./peer/queue-peer.ts";

/**
 * Covey as a plain task queue: tasks enqueued durably with 50 in flight, then taken and completed by a worker of 50
 * slots whose runner does nothing, in a process of its own that stays for all rounds and takes nothing while tasks are
 * enqueued. Against BullMQ on a Redis that is as durable as we are, with such a worker too.
 */
const rounds = 3;
const tasks = 10_000;
const inFlight = 50;
const payload = "x".repeat(200);

interface Rates {
	readonly enqueue: number;
	readonly process: number;
}

export async function run(): Promise<BenchLine[]> {
	await using covey = await startCovey();
	await using bullMq = await startBullMq(inFlight);
	await measure(covey);
	await measure(bullMq);
	const measured = await interleave(
		rounds,
		() => measure(covey),
		() => measure(bullMq),
	);
	const beside = await besideIt();
	return (
		[
			["enqueue", 2],
			["process", 1.5],
		] as const
	).map(([phase, value]) =>
		toLine(
			`queue-${phase}`,
			measured.map(({ ours, peer }) => ({ ours: ours[phase], peer: peer[phase] })),
			{
				bar: { kind: ">=", value },
				unit: "tasks/s",
				peerName: bullMq.name,
				notes: { tasks, inFlight, graphile: typeof beside === "string" ? beside : Math.round(beside[phase]) },
			},
		),
	);
}

async function measure(queue: QueuePeer, jobs = tasks): Promise<Rates> {
	const enqueue = await ratePerSecond(jobs, inFlight, () => queue.add(payload));
	return { enqueue, process: await queue.processAll(jobs) };
}

async function besideIt(): Promise<Rates | string> {
	try {
		await using graphile = await startGraphile(inFlight);
		return await measure(graphile, tasks / 5);
	} catch (error) {
		return `left out: ${(error as Error).message}`;
	}
}

async function startCovey(): Promise<QueuePeer> {
	await using parts = new AsyncDisposableStack();
	const fleet = parts.use(await Fleet.start());
	const directory = mkdtempSync(join(tmpdir(), "covey-no-op-"));
	parts.defer(() => rmSync(directory, { recursive: true, force: true }));
	const token = await fleet.token("join");
	const program = join(import.meta.dirname, "kit/no-op-worker.ts");
	const worker = spawn(process.execPath, [program, fleet.url, token.trim(), directory, String(inFlight)], {
		stdio: ["ignore", "pipe", "inherit"],
	});
	parts.defer(async () => {
		worker.kill("SIGTERM");
		await once(worker, "exit");
	});
	await once(createInterface(worker.stdout), "line");
	const drain = (draining: boolean) => fleet.sdk.call("worker.drain", { worker: "no-op", draining });
	await drain(true);
	const owned = parts.move();
	return {
		name: "Covey",
		add: (text) => fleet.sdk.submit({ type: "no-op", payload: { text } }),
		async processAll(jobs) {
			const start = performance.now();
			await drain(false);
			while ((await liveTasks(fleet)) > 0) await wait(10);
			const rate = (jobs * 1000) / (performance.now() - start);
			await drain(true);
			return rate;
		},
		[Symbol.asyncDispose]: () => owned.disposeAsync(),
	};
}

/** Tasks that have not ended for the coordinator, which is behind their worker. */
async function liveTasks(fleet: Fleet): Promise<number> {
	const { tasks: counts } = await fleet.sdk.call("fleet.status", {});
	return (counts.pending ?? 0) + (counts.claimed ?? 0) + (counts.in_progress ?? 0);
}
