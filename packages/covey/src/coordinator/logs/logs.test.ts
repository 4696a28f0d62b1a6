import { appendFile, mkdtemp, readdir, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { OutputFrame } from "@covey/protocol/frames";
import fc from "fast-check";
import { expect, test } from "vitest";
import { systemClock } from "#kit/clock.ts";
import { silentLogger } from "#kit/logger.ts";
import { logLimits } from "./limits.ts";
import { createLogs } from "./logs.ts";
import { attemptDirectory } from "./paths.ts";

const task = "t_01jd0000000000000000000000";
const never = new AbortController().signal;

async function startLogs(now = systemClock.now) {
	const directory = await mkdtemp(join(tmpdir(), "covey-logs-"));
	const start = () => createLogs({ directory, clock: { ...systemClock, now }, logger: silentLogger });
	const logs = start();
	return {
		logs,
		directory,
		/** The same files, seen by a process that knows nothing of the first. */
		restart: start,
		async [Symbol.asyncDispose]() {
			await logs.stop();
			await rm(directory, { recursive: true, force: true });
		},
	};
}

function output(offset: number, text: string | Uint8Array, stream: OutputFrame["stream"] = "stdout"): OutputFrame {
	const data = typeof text === "string" ? Buffer.from(text) : text;
	return { kind: "output", stream, channel: 7, attempt: 1, offset, data, length: data.length };
}

async function collect(frames: AsyncIterable<OutputFrame>): Promise<OutputFrame[]> {
	const all: OutputFrame[] = [];
	for await (const frame of frames) all.push(frame);
	return all;
}

const text = (frames: readonly OutputFrame[]) =>
	frames.map((frame) => (frame.kind === "gap" ? `[${frame.length} missing]` : Buffer.from(frame.data).toString())).join("");
const whole = { offset: 0, follow: false, signal: never };

test("What was appended is read back, both streams in their order, while the log is open and after it ended", async () => {
	await using store = await startLogs();
	const log = await store.logs.open(task, 1);
	log.append(output(0, "one "));
	log.append(output(4, "two ", "stderr"));
	log.append(output(8, "three"));
	expect(await log.flush()).toBe(13);
	const open = await collect(store.logs.read(task, 1, whole));
	expect(open.map((frame) => frame.stream)).toEqual(["stdout", "stderr", "stdout"]);
	expect(text(open)).toBe("one two three");
	await store.logs.finish(task, 1);
	expect(text(await collect(store.logs.read(task, 1, whole)))).toBe("one two three");
	expect(await store.logs.end(task, 1)).toEqual({ offset: 13, complete: true });
});

test("Overlapping resends are kept once and a jump ahead is a marked gap", async () => {
	await using store = await startLogs();
	const log = await store.logs.open(task, 1);
	log.append(output(0, "abcdef"));
	log.append(output(3, "defghi"));
	log.append(output(2, "cd"));
	log.append(output(15, "xyz"));
	await log.flush();
	expect(text(await collect(store.logs.read(task, 1, whole)))).toBe("abcdefghi[6 missing]xyz");
	expect(log.end).toBe(18);
});

test("A reader may resume at any offset, of an open log, a recovered one and a compressed one", async () => {
	let now = 1_000_000;
	await using store = await startLogs(() => now);
	const log = await store.logs.open(task, 1);
	let content = "";
	const chunks = fc.sample(fc.string({ minLength: 1, maxLength: 30, unit: "grapheme-ascii" }), { numRuns: 60, seed: 5 });
	for (const chunk of chunks) {
		log.append(output(content.length, chunk));
		content += chunk;
	}
	await log.flush();
	const everyOffset = async (logs: typeof store.logs) => {
		for (let offset = 0; offset <= content.length; offset += 1 + (offset % 3)) {
			expect(text(await collect(logs.read(task, 1, { ...whole, offset })))).toBe(content.slice(offset));
		}
	};
	await everyOffset(store.logs);
	await everyOffset(store.restart());
	await store.logs.finish(task, 1);
	now += logLimits.compressAfterMs + 1;
	await store.logs.tidy(never);
	expect(await readdir(attemptDirectory(store.directory, task, 1))).toEqual(["0000000000000000.log.zst", "end.json"]);
	await everyOffset(store.logs);
});

test("After any sequence of frames a reader has every offset once, as bytes or as a gap", async () => {
	await using store = await startLogs();
	let attempt = 0;
	const frames = fc.array(fc.record({ offset: fc.nat(200), bytes: fc.uint8Array({ minLength: 1, maxLength: 40 }) }), { maxLength: 30 });
	await fc.assert(
		fc.asyncProperty(frames, fc.nat(200), async (sent, offset) => {
			const log = await store.logs.open(task, ++attempt);
			for (const frame of sent) log.append(output(frame.offset, frame.bytes));
			const read = await collect(store.logs.read(task, attempt, { ...whole, offset }));
			await store.logs.finish(task, attempt);
			expect(await collect(store.logs.read(task, attempt, { ...whole, offset }))).toEqual(read);
			let at = offset;
			for (const frame of read) {
				expect(frame.offset).toBe(at);
				at += frame.length;
			}
			expect(at).toBe(Math.max(offset, log.end));
		}),
		{ numRuns: 60 },
	);
});

test("A torn tail is cut off when the log is opened again, and the resend heals it", async () => {
	await using store = await startLogs();
	const log = await store.logs.open(task, 1);
	log.append(output(0, "first "));
	log.append(output(6, "second"));
	await log.flush();
	const file = join(attemptDirectory(store.directory, task, 1), "0000000000000000.log");
	const recordOfSix = 4 + 24 + 6;
	for (let cut = 1; cut <= recordOfSix; cut++) {
		await truncate(file, 2 * recordOfSix - cut);
		await using recovered = store.restart();
		const reopened = await recovered.open(task, 1);
		expect(reopened.end).toBe(6);
		reopened.append(output(0, "first second"));
		expect(text(await collect(recovered.read(task, 1, whole)))).toBe("first second");
		await reopened.flush();
	}
	await appendFile(file, "garbage that is no record");
	await using recovered = store.restart();
	expect((await recovered.open(task, 1)).end).toBe(12);
	expect(text(await collect(recovered.read(task, 1, whole)))).toBe("first second");
});

test("A follower gets frames as they come, ends with the log, and stops when its signal aborts", async () => {
	await using store = await startLogs();
	const log = await store.logs.open(task, 1);
	const reader = store.logs.read(task, 1, { ...whole, follow: true })[Symbol.asyncIterator]();
	const first = reader.next();
	log.append(output(0, "hello"));
	expect(text([(await first).value])).toBe("hello");
	const last = reader.next();
	const aborted = new AbortController();
	const other = store.logs.read(task, 1, { offset: 5, follow: true, signal: aborted.signal })[Symbol.asyncIterator]();
	const rejected = expect(other.next()).rejects.toThrow("enough");
	aborted.abort(new Error("enough"));
	await rejected;
	await store.logs.finish(task, 1);
	expect((await last).done).toBe(true);
});

test("A stalled follower costs no memory beyond the recent frames, and misses nothing when it goes on", async () => {
	await using store = await startLogs();
	const log = await store.logs.open(task, 1);
	const reader = store.logs.read(task, 1, { ...whole, follow: true })[Symbol.asyncIterator]();
	const block = new Uint8Array(128 * 1024);
	const blocks = 200;
	log.append(output(0, block));
	let read = (await reader.next()).value.length;
	for (let index = 1; index < blocks; index++) {
		log.append(
			output(
				index * block.length,
				block.map(() => index % 251),
			),
		);
		await log.flush();
	}
	const { recent } = log as unknown as { recent: { bytes: number } };
	expect(recent.bytes).toBeLessThanOrEqual(logLimits.recentBytesMax);
	await store.logs.finish(task, 1);
	for (let step = await reader.next(); !step.done; step = await reader.next()) {
		expect(step.value.kind).toBe("output");
		expect(step.value.offset).toBe(read);
		expect(step.value.data[0]).toBe(step.value.offset / block.length === 0 ? 0 : (step.value.offset / block.length) % 251);
		read += step.value.length;
	}
	expect(read).toBe(blocks * block.length);
	const segments = (await readdir(attemptDirectory(store.directory, task, 1))).filter((name) => name.endsWith(".log"));
	expect(segments.length).toBeGreaterThan(2);
});

test("Output over the cap of its attempt is dropped and shown as a gap, to followers at once", async () => {
	await using store = await startLogs();
	await using logs = createLogs({ directory: store.directory, clock: systemClock, logger: silentLogger, attemptBytesMax: 100 });
	const log = await logs.open(task, 1);
	const follower = logs.read(task, 1, { ...whole, follow: true })[Symbol.asyncIterator]();
	log.append(output(0, "kept"));
	expect(text([(await follower.next()).value])).toBe("kept");
	log.append(output(4, "x".repeat(200)));
	log.append(output(204, "y"));
	expect(text([(await follower.next()).value])).toBe("[201 missing]");
	expect(await log.flush()).toBe(205);
	await logs.finish(task, 1);
	expect(text(await collect(logs.read(task, 1, whole)))).toBe("kept[201 missing]");
	expect(await logs.end(task, 1)).toEqual({ offset: 205, complete: true });
	await follower.return?.();
});

test("Output that cannot be written is a gap, what follows is kept, and the log knows its end", async () => {
	await using store = await startLogs();
	const blocked = join(store.directory, task.slice(-2));
	await writeFile(blocked, "a file where a directory should be");
	const log = (await store.logs.open(task, 1).catch(() => undefined)) ?? (await store.logs.open(task, 1));
	log.append(output(0, "lost"));
	expect(await log.flush()).toBe(4);
	await rm(blocked);
	log.append(output(4, "kept"));
	await log.flush();
	expect(text(await collect(store.logs.read(task, 1, whole)))).toBe("[4 missing]kept");
	await store.logs.finish(task, 1);
	expect(text(await collect(store.logs.read(task, 1, whole)))).toBe("[4 missing]kept");
});

test("Old logs go first by age, then until the rest fits; logs that have not ended stay", async () => {
	let now = 1_000_000;
	await using store = await startLogs(() => now);
	for (const attempt of [1, 2, 3]) {
		const log = await store.logs.open(task, attempt);
		log.append(output(0, "x".repeat(1000)));
		await log.flush();
		if (attempt < 3) await store.logs.finish(task, attempt);
		now += 1000;
	}
	const small = createLogs({ directory: store.directory, clock: { ...systemClock, now: () => now }, logger: silentLogger, bytesMax: 2500 });
	await small.tidy(never);
	expect(await readdir(join(store.directory, task.slice(-2), task))).toEqual(["2", "3"]);
	now += logLimits.ageMsMax + 1;
	await store.logs.tidy(never);
	expect(await readdir(join(store.directory, task.slice(-2), task))).toEqual(["3"]);
	await store.logs.remove(task);
	expect(await readdir(join(store.directory, task.slice(-2)))).toEqual([]);
});
