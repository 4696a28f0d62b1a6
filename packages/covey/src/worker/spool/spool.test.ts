import { existsSync, rmSync, writeFileSync } from "node:fs";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Assign, AttemptReport, decodeFrame, type V2FromWorkerMessage } from "@covey/protocol";
import { attemptKey } from "@covey/protocol/ids";
import fc from "fast-check";
import { expect, test } from "vitest";
import { deferred } from "#kit/deferred.ts";
import { silentLogger } from "#kit/logger.ts";
import type { LinkConnection } from "#ports/link.ts";
import { createSpool, type Spool } from "./spool.ts";

const kibibyte = 1024;
const assign = Assign.parse({
	type: "assign",
	sequence: 1,
	task: `t_${"0".repeat(26)}`,
	attempt: 3,
	channel: 1,
	namespace: "default",
	taskType: "run",
	payload: null,
	constraints: {},
	policies: {},
	leaseTtlMs: 1000,
});
const key = attemptKey(assign.task, assign.attempt);
const report = AttemptReport.parse({ outcome: "passed" });
const complete: V2FromWorkerMessage = { type: "complete", task: assign.task, attempt: assign.attempt, report };

/** The coordinator's side of one connection: what arrived, as a reader would put it together. */
class Reader implements LinkConnection {
	readonly channel: number;
	readonly said: V2FromWorkerMessage[] = [];
	readonly completed = deferred();
	queuedBytes = 0;
	end: number;
	missing = 0;
	bytes: Uint8Array[] = [];
	frames = 0;
	#arrival = deferred();

	constructor(channel: number, offset = 0) {
		this.channel = channel;
		this.end = offset;
	}

	send(message: V2FromWorkerMessage): void {
		this.said.push(message);
		this.completed.resolve();
	}

	sendFrame(bytes: Uint8Array): void {
		const frame = decodeFrame(bytes);
		expect(frame).toMatchObject({ channel: this.channel, attempt: 3, offset: this.end });
		this.frames++;
		this.end += frame!.length;
		if (frame!.kind === "gap") this.missing += frame!.length;
		else this.bytes.push(Uint8Array.from(frame!.data));
		this.#arrival.resolve();
		this.#arrival = deferred();
	}

	async until(end: number): Promise<void> {
		while (this.end < end) await this.#arrival.promise;
	}

	text(): string {
		return Buffer.concat(this.bytes).toString();
	}

	drained = async () => new Promise<void>((resolve) => setImmediate(resolve));
	listen(): void {}
	close(): void {}
}

async function withSpool(
	use: (open: () => Spool, directory: string) => Promise<void>,
	limits: { attemptBytesMax?: number; windowBytes?: number; totalBytesMax?: number } = {},
): Promise<void> {
	const directory = await mkdtemp(join(tmpdir(), "covey-spool-"));
	const { attemptBytesMax = 1024 * kibibyte, windowBytes = 64 * kibibyte, totalBytesMax = 4096 * kibibyte } = limits;
	const open = () =>
		createSpool({
			directory: join(directory, "spool"),
			limits: { attemptBytesMax, windowBytes, queuedBytesMax: 256 * kibibyte },
			totalBytesMax,
			logger: silentLogger,
		});
	try {
		await use(open, join(directory, "spool"));
	} finally {
		await rm(directory, { recursive: true, force: true });
	}
}

const line = (i: number) => Buffer.from(`${String(i).padStart(79, ".")}\n`);

test("attached output arrives whole and in order, in few frames, and never touches the disk", () =>
	withSpool(async (open, directory) => {
		const output = open().open(assign);
		const reader = new Reader(7);
		output.attach(reader, 7, 0);
		for (let i = 0; i < 500; i++) await output.write("stdout", line(i));
		output.complete(complete);
		await reader.completed.promise;
		expect(reader.text()).toBe(Array.from({ length: 500 }, (_, i) => line(i).toString()).join(""));
		expect(reader.frames).toBeLessThan(5);
		expect(existsSync(directory)).toBe(false);
	}));

test("whatever is written and wherever the link breaks, the reader gets every byte once, from memory or from disk", () =>
	withSpool(async (open) => {
		const chunk = fc.uint8Array({ minLength: 1, maxLength: 20 * kibibyte });
		await fc.assert(
			fc.asyncProperty(
				fc.array(fc.tuple(fc.constantFrom("stdout" as const, "stderr" as const), chunk, fc.nat(9)), { maxLength: 40 }),
				async (story) => {
					const spool = open();
					const output = spool.open(assign);
					let reader = new Reader(1);
					const parts: Uint8Array[] = [];
					for (const [stream, data, luck] of story) {
						if (luck === 0) output.detach();
						if (luck === 1) {
							parts.push(...reader.bytes);
							reader = new Reader(reader.channel + 1, reader.end);
							output.attach(reader, reader.channel, reader.end);
						}
						if (luck === 2) output.acknowledge(reader.end);
						await output.write(stream, Uint8Array.from(data));
					}
					parts.push(...reader.bytes);
					const last = new Reader(99, reader.end);
					output.attach(last, 99, reader.end);
					output.complete(complete);
					await last.completed.promise;
					expect(Buffer.concat([...parts, ...last.bytes])).toEqual(Buffer.concat(story.map(([, data]) => data)));
					expect(last.missing).toBe(0);
					spool.forget(key);
					await spool.close();
				},
			),
			{ numRuns: 40 },
		);
	}));

test("while detached, what is over the bounds becomes one marked gap, and the job goes on", () =>
	withSpool(
		async (open) => {
			const output = open().open(assign);
			for (let i = 0; i < 100; i++) await output.write("stdout", Buffer.alloc(kibibyte, i));
			output.finish();
			const reader = new Reader(2);
			output.attach(reader, 2, 0);
			await reader.until(100 * kibibyte);
			expect(reader.missing).toBe(output.droppedBytes);
			expect(reader.missing).toBeGreaterThan(50 * kibibyte);
			expect(reader.bytes.reduce((sum, part) => sum + part.length, reader.missing)).toBe(100 * kibibyte);
		},
		{ attemptBytesMax: 40 * kibibyte },
	));

test("the bound over all attempts counts what others hold, and room comes back when they are forgotten", () =>
	withSpool(
		async (open) => {
			const spool = open();
			const [first, second] = [spool.open(assign), spool.open({ ...assign, attempt: 4 })];
			await first.write("stdout", Buffer.alloc(30 * kibibyte));
			first.finish();
			await second.write("stdout", Buffer.alloc(30 * kibibyte));
			expect(second.droppedBytes).toBe(30 * kibibyte);
			spool.forget(key);
			await spool.close();
			await second.write("stdout", Buffer.alloc(20 * kibibyte));
			expect(second.droppedBytes).toBe(30 * kibibyte);
		},
		{ totalBytesMax: 40 * kibibyte },
	));

test("while attached, a job over the bounds waits for an acknowledgement and loses nothing", () =>
	withSpool(
		async (open) => {
			const output = open().open(assign);
			const reader = new Reader(1);
			output.attach(reader, 1, 0);
			await output.write("stdout", Buffer.alloc(36 * kibibyte));
			output.finish();
			let written = false;
			const waiting = output.write("stdout", Buffer.alloc(20 * kibibyte)).then(() => (written = true));
			await new Promise((resolve) => setImmediate(resolve));
			expect(written).toBe(false);
			output.acknowledge(36 * kibibyte);
			await waiting;
			await reader.until(56 * kibibyte);
			expect(output.droppedBytes).toBe(0);
		},
		{ attemptBytesMax: 40 * kibibyte },
	));

test("a disk that takes nothing costs a marked gap, not the job", () =>
	withSpool(
		async (open, directory) => {
			writeFileSync(directory, "a file where the directory should be");
			const output = open().open(assign);
			for (let i = 0; i < 200; i++) await output.write("stdout", Buffer.alloc(4 * kibibyte));
			output.finish();
			const reader = new Reader(1);
			output.attach(reader, 1, 0);
			await reader.until(800 * kibibyte);
			expect(reader.missing).toBe(output.droppedBytes);
			expect(reader.missing).toBeGreaterThan(0);
			rmSync(directory);
		},
		{ windowBytes: 16 * kibibyte },
	));

test("a report that was kept is found by the next process, with its output, until it is forgotten", () =>
	withSpool(async (open, directory) => {
		const before = open();
		const output = before.open(assign);
		for (let i = 0; i < 3000; i++) await output.write("stdout", line(i));
		output.finish();
		output.acknowledge(800);
		await before.keep(assign, report);
		before.open({ ...assign, attempt: 4 });

		const after = open();
		expect(await after.recover()).toEqual([{ assign, report }]);
		const reader = new Reader(5, 8000);
		after.get(key)!.attach(reader, 5, 8000);
		after.get(key)!.complete(complete);
		await reader.completed.promise;
		expect(reader.text()).toBe(Array.from({ length: 2900 }, (_, i) => line(i + 100).toString()).join(""));
		after.forget(key);
		await after.close();
		expect(await readdir(directory)).toEqual([]);
		expect(await open().recover()).toEqual([]);
	}));

test("what a process left without a report is removed, and a lost segment is a marked gap", () =>
	withSpool(async (open, directory) => {
		const before = open();
		await before.open(assign).write("stdout", Buffer.alloc(100));
		await before.keep(assign, report);
		const died = before.open({ ...assign, attempt: 4 });
		await died.write("stdout", Buffer.alloc(100));
		await died.persist();
		expect((await readdir(directory)).length).toBe(2);
		rmSync(join(directory, key, "0000000000000000.frames"));

		const after = open();
		await after.recover();
		expect(await readdir(directory)).toEqual([key]);
		const reader = new Reader(1);
		after.get(key)!.attach(reader, 1, 0);
		await reader.until(100);
		expect(reader.missing).toBe(100);
	}));
