import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createPeer, type Peer } from "#coordinator/ws/link.fixture.ts";
import { ask, eventually, residentBytes, socketsOf } from "../kit/door.ts";
import { Fleet } from "../kit/fleet.ts";

const megabyte = 1024 * 1024;
/** More than this, over what it used before, is not bounded. A Node process that does its work grows by some of it. */
const growthMax = 160 * megabyte;

let fleet: Fleet;
let token: string;
const open: (Socket | Peer["socket"])[] = [];

beforeAll(async () => {
	fleet = await Fleet.start({ workers: 1 });
	token = (await fleet.token("client", "--role", "submit", "--role", "read")).trim();
});
afterAll(async () => {
	for (const socket of open) "terminate" in socket ? socket.terminate() : socket.destroy();
	await fleet[Symbol.asyncDispose]();
});

/** A peer that never closes its side, and reads only if told to. */
async function dial(text: string, { reads = true } = {}): Promise<Socket> {
	const socket = connect({ port: Number(new URL(fleet.url).port), host: "127.0.0.1", allowHalfOpen: true });
	open.push(socket);
	socket.on("error", () => {});
	await once(socket, "connect");
	socket.write(text);
	if (reads) socket.resume();
	return socket;
}

const host = () => `Host: ${new URL(fleet.url).host}\r\n`;
const bearer = () => `Authorization: Bearer ${token}\r\n`;
const upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n";
const served = async () =>
	(await ask(fleet.url, "GET", "/livez")).status === 200 && (await fleet.sdk.call("fleet.status", {})).state === "ready";
const runs = async () => (await fleet.run(["--no-snapshot", "--", "echo", "served"])).stdout.toString();

test("connections that are refused are let go of, though their peers hold on, and workers still get in", async () => {
	const before = socketsOf(fleet.daemon.pid).length;
	const refused = [
		`GET /ws HTTP/1.1\r\nHost: evil.test\r\n${upgrade}\r\n`,
		`GET /ws HTTP/1.1\r\n${host()}${upgrade}\r\n`,
		`GET /ws HTTP/1.1\r\n${host()}${upgrade}Sec-WebSocket-Key: short\r\n\r\n`,
		`GET /api/v1/socket HTTP/1.1\r\n${host()}${upgrade}\r\n`,
		`GET /nowhere HTTP/1.1\r\n${host()}${upgrade}\r\n`,
		"no HTTP at all\r\n\r\n",
		`GET / HTTP/1.1\r\n${host()}X: ${"x".repeat(64 * 1024)}\r\n\r\n`,
		`POST /api/v1/tasks HTTP/1.1\r\n${host()}Content-Length: 1000000000\r\n\r\n`,
	];
	// More of each than an address may have connections that have not introduced themselves.
	for (const text of refused) await Promise.all(Array.from({ length: 150 }, () => dial(text)));
	await eventually(() => socketsOf(fleet.daemon.pid).length <= before + 5, "the refused connections are gone");
	expect(await served()).toBe(true);
	await fleet.join("late-comer");
	expect(await runs()).toBe("served\n");
});

test("half-sent requests and silent upgrades cost little, and others are served", async () => {
	const before = residentBytes(fleet.daemon.pid);
	await Promise.all(Array.from({ length: 400 }, () => dial(`POST /api/v1/tasks HTTP/1.1\r\n${host()}X-Slow: `)));
	for (let i = 0; i < 100; i++) {
		const socket = createPeer(`${fleet.url.replace("http", "ws")}/ws`, {}).socket;
		socket.on("error", () => {});
		open.push(socket);
	}
	expect(await served()).toBe(true);
	expect(await runs()).toBe("served\n");
	expect(residentBytes(fleet.daemon.pid) - before).toBeLessThan(growthMax);
});

test("a body without end is cut off at its limit, before and behind the token", async () => {
	const before = residentBytes(fleet.daemon.pid);
	const chunk = `10000\r\n${"x".repeat(0x10000)}\r\n`;
	for (const authorization of ["", bearer()]) {
		const socket = await dial(
			`POST /api/v1/tasks HTTP/1.1\r\n${host()}${authorization}Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n`,
		);
		const gone = new Promise((resolve) => socket.once("close", resolve));
		let written = 0;
		const push = () => {
			while (!socket.destroyed && written < 2000 && socket.write(chunk)) written++;
		};
		socket.on("drain", push).on("end", () => socket.destroy());
		push();
		await gone;
		expect(written).toBeLessThan(2000);
	}
	expect(residentBytes(fleet.daemon.pid) - before).toBeLessThan(growthMax);
	expect(await served()).toBe(true);
});

test("a message over the limit ends its socket, and none of it is kept", async () => {
	const headers = { authorization: `Bearer ${token}` };
	for (const path of ["/ws", "/api/v1/socket"]) {
		const socket = createPeer(`${fleet.url.replace("http", "ws")}${path}`, headers).socket;
		open.push(socket);
		await once(socket, "open");
		socket.on("error", () => {});
		socket.send(Buffer.alloc(8 * megabyte, "x"));
		// 1006: it was cut off without a word.
		expect([1006, 1009], path).toContain((await once(socket, "close"))[0]);
	}
	expect(await served()).toBe(true);
});

test("readers that do not read cost no memory, hold nothing up, and others get every byte", { timeout: 60_000 }, async () => {
	const bytes = 96 * megabyte;
	const submission = { payload: { command: ["sh", "-c", `head -c ${bytes} /dev/zero; echo; echo end`] } };
	const before = residentBytes(fleet.daemon.pid);
	const { task } = await fleet.sdk.submit(submission);
	let peak = 0;
	const watch = setInterval(() => (peak = Math.max(peak, residentBytes(fleet.daemon.pid) - before)), 50);
	try {
		const path = `/api/v1/tasks/${task}/log?follow=1`;
		for (let i = 0; i < 8; i++) {
			await dial(`GET ${path} HTTP/1.1\r\n${host()}${bearer()}\r\n`, { reads: false });
			await dial(`GET ${path} HTTP/1.1\r\n${host()}${bearer()}Accept: text/event-stream\r\n\r\n`, { reads: false });
			await dial(`GET /api/v1/events HTTP/1.1\r\n${host()}${bearer()}\r\n`, { reads: false });
			const socket = createPeer(`${fleet.url.replace("http", "ws")}/api/v1/socket`, { authorization: `Bearer ${token}` }).socket;
			open.push(socket);
			await once(socket, "open");
			socket.send(JSON.stringify({ type: "follow", id: 1, task, creditBytes: 0xffff_ffff }));
			socket.pause();
		}
		let got = 0;
		for await (const item of fleet.sdk.follow(task)) if (item.type === "output") got += item.data.length;
		expect(got).toBe(bytes + "\nend\n".length);
	} finally {
		clearInterval(watch);
	}
	expect(await runs()).toBe("served\n");
	expect(peak / megabyte).toBeLessThan(growthMax / megabyte);
});
