import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { type Fleet as Client, connect } from "@covey/client";
import { isEnded } from "@covey/protocol";
import { dial } from "#cli/dial.ts";
import { Fleet } from "../tests/kit/fleet.ts";
import { interleave, time } from "./kit/time.ts";
import { type BenchLine, toLine } from "./line.ts";
import { SshPeer } from "./peer/ssh.ts";

/**
 * Megabytes a second from a job to whoever reads it: log lines of 80 bytes, each in a write of its own, and bytes as
 * fast as `cat` gives them. Then the same with a reader that never reads: the coordinator must not keep what it does
 * not take.
 */
const rounds = 5;
const lines = 200_000;
const rawMegabytes = 64;
const stalledMegabytes = 256;
const growthMegabytesMax = 64;

export async function run(): Promise<BenchLine[]> {
	const directory = mkdtempSync(join(tmpdir(), "covey-output-"));
	try {
		await using fleet = await Fleet.start({ workers: 1 });
		// As the command line dials: what is measured is the way of the bytes, and not the browser's kind of WebSocket.
		const token = readFileSync(join(fleet.coordinator.state, "coordinator/admin.token"), "utf8").trim();
		await using sdk = await connect({ url: fleet.url, token, webSocket: dial });
		await using ssh = await SshPeer.start();
		const linesFile = join(directory, "lines");
		writeFileSync(
			linesFile,
			Array.from({ length: lines }, (_, at) => `${`line ${at} says that all goes well `.padEnd(79, ".")}\n`).join(""),
		);
		const rawFile = join(directory, "raw");
		writeFileSync(rawFile, randomBytes(rawMegabytes * 1e6));
		const results: BenchLine[] = [];
		for (const [name, command, bytes] of [
			["output-lines", ["grep", "--line-buffered", "", linesFile], lines * 80],
			["output-bytes", ["cat", rawFile], rawMegabytes * 1e6],
		] as const) {
			const ours = () => rate(bytes, () => readOurs(sdk, command));
			const peer = () => rate(bytes, () => readPeer(ssh, command));
			await interleave(1, ours, peer);
			const notes = name === "output-bytes" ? { stalledReader: await stalledReader(fleet, rawFile) } : { peerShell: ssh.shell };
			const line = toLine(name, await interleave(rounds, ours, peer), {
				bar: { kind: ">=", value: 0.5 },
				unit: "MB/s",
				peerName: `ssh ${command[0]}, master connection`,
				notes,
			});
			results.push({ ...line, holds: line.holds && (!("stalledReader" in notes) || notes.stalledReader!.bounded) });
		}
		return results;
	} finally {
		rmSync(directory, { recursive: true });
	}
}

async function rate(bytes: number, read: () => Promise<number>): Promise<number> {
	let got = 0;
	const ms = await time(async () => {
		got = await read();
	});
	if (got !== bytes) throw new Error(`${got} of ${bytes} bytes arrived`);
	return bytes / 1e3 / ms;
}

async function readOurs(sdk: Client, command: readonly string[]): Promise<number> {
	let got = 0;
	const record = await sdk.run({ payload: { command: [...command] } }, { onOutput: (_, data) => void (got += data.length) });
	if (record.outcome !== "passed") throw new Error(`${command[0]} ${record.outcome}`);
	return got;
}

async function readPeer(ssh: SshPeer, command: readonly string[]): Promise<number> {
	const quoted = command.map((word) => `'${word}'`);
	const [program, ...words] = ssh.command("shared", ...quoted) as [string, ...string[]];
	const child = spawn(program, words, { stdio: ["ignore", "pipe", "inherit"] });
	let got = 0;
	child.stdout.on("data", (data: Buffer) => {
		got += data.length;
	});
	const [code] = await once(child, "close");
	if (code !== 0) throw new Error(`ssh ended with ${code}`);
	return got;
}

/** How far the coordinator's memory rises while a job writes a lot and its only follower takes nothing after the first piece. */
async function stalledReader(fleet: Fleet, file: string): Promise<{ writtenMB: number; grewMB: number; bounded: boolean }> {
	const times = Math.ceil(stalledMegabytes / rawMegabytes);
	const before = residentMegabytes(fleet.daemon.pid);
	const { task } = await fleet.sdk.submit({ payload: { command: ["cat", ...Array.from({ length: times }, () => file)] } });
	const stopped = new AbortController();
	const reading = (async () => {
		for await (const item of fleet.sdk.follow(task, { signal: stopped.signal }))
			if (item.type === "output") await once(stopped.signal, "abort");
	})().catch(() => {});
	let highest = before;
	for (let ended = false; !ended; await wait(50)) {
		highest = Math.max(highest, residentMegabytes(fleet.daemon.pid));
		ended = isEnded((await fleet.sdk.call("task.get", { task })).status);
	}
	stopped.abort();
	await reading;
	const grewMB = Math.round(highest - before);
	return { writtenMB: times * rawMegabytes, grewMB, bounded: grewMB <= growthMegabytesMax };
}

function residentMegabytes(pid: number): number {
	return Number(/VmRSS:\s*(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))![1]) / 1000;
}
