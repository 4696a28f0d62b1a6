import { tmpdir } from "node:os";
import { setTimeout as delay } from "node:timers/promises";
import { expect, test } from "vitest";
import { type ProcessOptions, startProcess } from "./start.ts";

const options: Omit<ProcessOptions, "command"> = {
	cwd: tmpdir(),
	environment: { PATH: process.env.PATH ?? "" },
	graceMs: 5000,
	sink: () => {},
};

test("a process gets the input that it is given", async () => {
	const chunks: Buffer[] = [];
	const stdin = Buffer.alloc(1_000_000, "abc");
	const running = await startProcess({ ...options, command: ["cat"], stdin, sink: (_stream, data) => void chunks.push(data) });
	expect(await running.result).toMatchObject({ facts: { exitCode: 0, leftovers: 0 }, outputBytes: 1_000_000, survivors: [] });
	expect(Buffer.concat(chunks).equals(stdin)).toBe(true);
});

test("input that nobody reads is no error", async () => {
	const running = await startProcess({ ...options, command: ["true"], stdin: Buffer.alloc(1_000_000) });
	expect((await running.result).facts.exitCode).toBe(0);
});

test("a slow sink holds the process up, counts as no silence, and gets every byte", async () => {
	let taken = 0;
	let most = 0;
	let inFlight = 0;
	const sink = async (_stream: string, data: Buffer) => {
		most = Math.max(most, ++inFlight);
		if (taken === 0) await delay(1500);
		taken += data.length;
		inFlight--;
	};
	const running = await startProcess({ ...options, command: ["head", "-c", "600000", "/dev/zero"], silentTimeoutMs: 1000, sink });
	const result = await running.result;
	expect(result).toMatchObject({ endedBy: undefined, facts: { exitCode: 0 } });
	expect(taken).toBe(600_000);
	expect(most).toBe(1);
});

test("the first cause stays when it is told to end again", async () => {
	const running = await startProcess({ ...options, command: ["sh", "-c", 'trap "" TERM; while :; do sleep 0.05; done'] });
	running.end("cancel", 60_000);
	running.end("timeout", 0);
	expect(await running.result).toMatchObject({ endedBy: "cancel", facts: { cancelled: true, timedOut: false } });
});
