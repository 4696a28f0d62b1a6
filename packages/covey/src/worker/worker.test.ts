import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Assign, AttemptReport, decodeFrame, type V2FromWorkerMessage, type V2ToWorkerMessage } from "@covey/protocol";
import { attemptKey } from "@covey/protocol/ids";
import { expect, test } from "vitest";
import { systemClock } from "#kit/clock.ts";
import { deferred } from "#kit/deferred.ts";
import { silentLogger } from "#kit/logger.ts";
import type { EndOfAttempt, Runner } from "#ports/runner.ts";
import { createExecutor } from "#worker/executor/execute.ts";
import { createWorktreePool } from "#worker/worktrees/pool.ts";
import { createEnvironments } from "./environments/environments.ts";
import { type CoordinatorSide, createInProcessTransport } from "./link/in-process.ts";
import { createRunRunner } from "./runners/run/run.ts";
import { createWorker, type Worker } from "./worker.ts";

type Complete = Extract<V2FromWorkerMessage, { type: "complete" }>;

/** The other side: answers syncs, keeps output, settles when told to. */
class Coordinator {
	readonly said: V2FromWorkerMessage[] = [];
	readonly output = new Map<string, Buffer[]>();
	settles = true;
	acknowledges = true;
	leaseTtlMs = 60_000;
	side: CoordinatorSide | undefined;
	/** Refuses every connection. */
	away = false;
	#assigned = 0;
	readonly #channels = new Map<number, string>();
	#changed = deferred();

	readonly transport = createInProcessTransport({
		url: "http://127.0.0.1:1",
		accept: (side) => {
			if (this.away) return side.close(1001, "away");
			this.side = side;
			this.#assigned = 0;
			this.#channels.clear();
			side.listen({ message: (message) => this.#hear(message), frame: (frame) => this.#keep(frame), end: () => {} });
			const times = { tokenTtlMs: 60_000, leaseTtlMs: this.leaseTtlMs, syncMs: 20, pingMs: 30_000 };
			side.send({ type: "welcome", name: "w1", session: "s", token: "token", renewal: "r", version: "1", ...times });
		},
	});

	assign(task: string, command: readonly string[], fields: object = {}): void {
		const sequence = ++this.#assigned;
		this.#channels.set(sequence, attemptKey(task, 1));
		this.side!.send(
			Assign.parse({
				type: "assign",
				sequence,
				task,
				attempt: 1,
				channel: sequence,
				namespace: "default",
				taskType: "run",
				payload: { command },
				constraints: {},
				policies: { graceMs: 200 },
				leaseTtlMs: this.leaseTtlMs,
				...fields,
			}),
		);
	}

	send(message: V2ToWorkerMessage): void {
		this.side!.send(message);
	}

	text(task: string): string {
		return Buffer.concat(this.output.get(attemptKey(task, 1)) ?? []).toString();
	}

	async until(holds: () => boolean): Promise<void> {
		while (!holds()) await this.#changed.promise;
	}

	async report(task: string): Promise<AttemptReport> {
		const find = () => this.said.find((message): message is Complete => message.type === "complete" && message.task === task);
		await this.until(() => find() !== undefined);
		return find()!.report;
	}

	#hear(message: V2FromWorkerMessage): void {
		this.said.push(message);
		if (message.type === "sync") {
			const resume = message.attempts.map(({ task, attempt }, i) => {
				const key = attemptKey(task, attempt);
				const known = [...this.#channels].find(([, value]) => value === key)?.[0];
				const channel = known ?? 1000 + i;
				this.#channels.set(channel, key);
				return { task, attempt, channel, offset: Buffer.concat(this.output.get(key) ?? []).length };
			});
			this.send({ type: "synced", sequence: message.sequence, end: [], settled: [], resume });
		}
		if (message.type === "complete" && this.settles) this.send({ type: "settle", task: message.task, attempt: message.attempt });
		this.#tell();
	}

	#keep(bytes: Uint8Array): void {
		const frame = decodeFrame(bytes)!;
		const key = this.#channels.get(frame.channel)!;
		const parts = this.output.get(key) ?? [];
		const end = Buffer.concat(parts).length;
		expect(frame.offset).toBe(end);
		this.output.set(key, [...parts, Buffer.from(frame.data)]);
		const [task, attempt] = key.split(".") as [string, string];
		if (this.acknowledges) this.send({ type: "acknowledge", task, attempt: Number(attempt), offset: end + frame.length });
		this.#tell();
	}

	#tell(): void {
		this.#changed.resolve();
		this.#changed = deferred();
	}
}

const task = (n: number) => `t_${String(n).padStart(26, "0")}`;

async function withWorker(
	use: (worker: Worker, coordinator: Coordinator, directory: string) => Promise<void>,
	options: { runners?: readonly Runner[] } = {},
): Promise<void> {
	const directory = await mkdtemp(join(tmpdir(), "covey-worker-"));
	const coordinator = new Coordinator();
	const worker = workerIn(directory, coordinator, options.runners);
	try {
		await worker.start(new AbortController().signal);
		await use(worker, coordinator, directory);
	} finally {
		await worker.stop();
		await rm(directory, { recursive: true, force: true });
	}
}

function workerIn(directory: string, coordinator: Coordinator, runners: readonly Runner[] = []): Worker {
	const executor = createExecutor({ worker: "w1", stateDirectory: directory, environment: process.env, controlGroups: undefined });
	const run = createRunRunner({
		executor,
		environments: createEnvironments({ executor, directory: join(directory, "environments"), path: process.env.PATH ?? "" }),
		worktrees: createWorktreePool({ directory: join(directory, "worktrees") }),
		directory: join(directory, "work"),
		coordinator: () => worker.credentials(),
		limits: {},
		isolation: 0,
	});
	const worker: Worker = createWorker(
		{
			name: "w1",
			stateDirectory: directory,
			version: "1",
			offer: { slots: 2, tags: {}, os: process.platform, arch: process.arch, isolation: 0 },
			outputBytesMax: 2 ** 30,
			spoolBytesMax: 2 ** 31,
		},
		{ transport: coordinator.transport, runners: [run, ...runners], clock: systemClock, random: Math.random, logger: silentLogger },
	);
	return worker;
}

test("a command runs in an empty directory of its own; its output and its outcome arrive, and nothing stays", () =>
	withWorker(async (worker, coordinator, directory) => {
		coordinator.assign(task(1), ["sh", "-c", "ls -A; pwd; echo problem >&2; exit 3"]);
		const report = await coordinator.report(task(1));
		expect(report).toMatchObject({ outcome: "failed", facts: { exitCode: 3 }, outputBytes: coordinator.text(task(1)).length });
		const [place, problem] = coordinator.text(task(1)).trim().split("\n").sort();
		expect([place, problem]).toEqual([expect.stringContaining(join(directory, "work", "empty", "run-")), "problem"]);
		expect(existsSync(place!)).toBe(false);
		await coordinator.until(() => worker.status().attempts.length === 0);
		expect(coordinator.said.map(({ type }) => type)).toEqual(expect.arrayContaining(["offer", "sync", "started", "complete"]));
	}));

test("a cancelled command ends with the reason as its outcome", () =>
	withWorker(async (_worker, coordinator) => {
		coordinator.assign(task(1), ["sh", "-c", "echo on; exec sleep 600"]);
		await coordinator.until(() => coordinator.text(task(1)) === "on\n");
		coordinator.send({ type: "cancel", task: task(1), attempt: 1, reason: "superseded", graceMs: 5000 });
		expect(await coordinator.report(task(1))).toMatchObject({ outcome: "superseded", facts: { signal: "SIGTERM" } });
	}));

test("a job goes on while the link is down, and its output is resumed where it was acknowledged", () =>
	withWorker(async (_worker, coordinator, directory) => {
		const gate = join(directory, "gate");
		coordinator.assign(task(1), ["sh", "-c", `echo before; while [ ! -e ${gate} ]; do sleep 0.01; done; echo after`]);
		await coordinator.until(() => coordinator.text(task(1)) === "before\n");
		coordinator.away = true;
		coordinator.side!.close(1001, "away");
		await writeFile(gate, "");
		coordinator.away = false;
		expect(await coordinator.report(task(1))).toMatchObject({ outcome: "passed" });
		expect(coordinator.text(task(1))).toBe("before\nafter\n");
	}));

test("an attempt whose lease ends while the link is down is ended by its own worker, and its report says so", async () => {
	const told = deferred<EndOfAttempt>();
	const patient: Runner = {
		type: "patient",
		async run(_assign, io, signal) {
			io.started();
			await once(signal, "abort");
			told.resolve(signal.reason as EndOfAttempt);
			return AttemptReport.parse({ outcome: (signal.reason as EndOfAttempt).reason });
		},
	};
	await withWorker(
		async (_worker, coordinator) => {
			coordinator.leaseTtlMs = 200;
			coordinator.assign(task(1), [], { taskType: "patient" });
			await coordinator.until(() => coordinator.said.some(({ type }) => type === "started"));
			coordinator.away = true;
			coordinator.side!.close(1001, "away");
			expect(await told.promise).toMatchObject({ reason: "worker_lost", graceMs: 5000 });
			coordinator.away = false;
			expect(await coordinator.report(task(1))).toMatchObject({ outcome: "worker_lost" });
		},
		{ runners: [patient] },
	);
});

test("a report that nobody settled is handed over by the next process, with its output", () =>
	withWorker(async (worker, coordinator, directory) => {
		coordinator.settles = false;
		coordinator.acknowledges = false;
		coordinator.assign(task(1), ["echo", "kept"]);
		await coordinator.report(task(1));
		coordinator.away = true;
		coordinator.side!.close(1001, "away");
		await worker.stop();
		expect(await readdir(join(directory, "spool"))).toEqual([attemptKey(task(1), 1)]);

		const next = new Coordinator();
		const second = workerIn(directory, next);
		await second.start(new AbortController().signal);
		expect(await next.report(task(1))).toMatchObject({ outcome: "passed", outputBytes: 5 });
		expect(next.text(task(1))).toBe("kept\n");
		await second.drain();
		expect(await readdir(join(directory, "spool"))).toEqual([]);
	}));

test.each([
	["a command that is not found", { command: ["no-such-command-anywhere"] }, "failed"],
	["a payload that is none", { command: [] }, "refused"],
	["a directory that is not there", { command: ["true"], directory: "no/where" }, "failed"],
	[
		"a snapshot that cannot be fetched",
		{ command: ["true"], snapshot: { repository: "a".repeat(32), tree: "b".repeat(40), commit: "c".repeat(40) } },
		"bad_snapshot",
	],
])("%s has an outcome of its own", (_name, payload, outcome) =>
	withWorker(async (_worker, coordinator) => {
		coordinator.assign(task(1), [], { payload });
		const report = await coordinator.report(task(1));
		expect(report.outcome).toBe(outcome);
		expect(report.message).toBeTruthy();
	}),
);

test("other runners stand beside it, and one that breaks is the worker's fault", () =>
	withWorker(
		async (_worker, coordinator) => {
			expect(coordinator.said.find(({ type }) => type === "offer")).toMatchObject({ offer: { capabilities: ["run", "broken"] } });
			coordinator.assign(task(1), [], { taskType: "broken" });
			expect(await coordinator.report(task(1))).toMatchObject({ outcome: "bad_environment", message: expect.stringContaining("oops") });
		},
		{ runners: [{ type: "broken", run: () => Promise.reject(new Error("oops")) }] },
	));

test("a drain lets work end and takes no more; a stop ends it", () =>
	withWorker(async (worker, coordinator, directory) => {
		coordinator.assign(task(1), ["sh", "-c", `while [ ! -e ${directory}/gate ]; do sleep 0.01; done`]);
		await coordinator.until(() => coordinator.said.some(({ type }) => type === "started"));
		const drained = worker.drain();
		coordinator.assign(task(2), ["true"]);
		await coordinator.until(() => coordinator.said.some(({ type }) => type === "decline"));
		await worker.stop();
		await drained;
		expect(await coordinator.report(task(1))).toMatchObject({ outcome: "worker_lost" });
		expect(coordinator.said.at(-1)).toMatchObject({ type: "bye" });
		expect(await worker.left).toBeUndefined();
	}));

test("a worker that is told to give up before the first welcome leaves nothing running", async () => {
	const directory = await mkdtemp(join(tmpdir(), "covey-worker-"));
	const coordinator = new Coordinator();
	coordinator.away = true;
	const worker = workerIn(directory, coordinator);
	const abort = new AbortController();
	const starting = worker.start(abort.signal);
	abort.abort(new Error("never mind"));
	await expect(starting).rejects.toThrow("never mind");
	expect(worker.status().connected).toBe(false);
	await worker.stop();
	await rm(directory, { recursive: true });
});
