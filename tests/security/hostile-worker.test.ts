import { createHash, randomUUID } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { AttemptReport } from "@covey/protocol";
import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createKey, createPeer, helloOf, type Key, offer, type Peer, proofOf } from "#coordinator/ws/link.fixture.ts";
import { parseToken } from "#host/token/token.ts";
import { ask, eventually } from "../kit/door.ts";
import { Fleet } from "../kit/fleet.ts";
import { Repository } from "../kit/repository.ts";

/** A worker that has joined, and then says whatever a test likes. */
interface Joined {
	readonly peer: Peer;
	/** Of its session, for HTTP. */
	readonly token: string;
	/** What it said to get in. */
	readonly introduction: readonly unknown[];
}

let fleet: Fleet;
const peers: Peer[] = [];

beforeAll(async () => {
	fleet = await Fleet.start();
});
afterAll(async () => {
	for (const { socket } of peers) socket.terminate();
	await fleet[Symbol.asyncDispose]();
});

async function joinAs(name: string, key: Key, options: { again?: boolean; offered?: object; instance?: string } = {}): Promise<Joined> {
	const join = options.again ? undefined : parseToken((await fleet.token("join")).trim());
	const peer = createPeer(`${fleet.url.replace("http", "ws")}/ws`, {});
	peers.push(peer);
	await peer.opened();
	const hello = { ...helloOf(key, name, join?.id), instance: options.instance ?? randomUUID() };
	peer.send(hello);
	const challenge = await peer.message("challenge");
	const prove = { ...proofOf(key, hello, challenge, join?.secret), offer: { ...offer, ...options.offered } };
	peer.send(prove);
	const { token } = await peer.message("welcome");
	peer.socket.on("message", (data: Buffer) => {
		if (data.includes('"ping"')) peer.send({ type: "pong" });
	});
	return { peer, token, introduction: [hello, prove] };
}

/** Everything that was said so far has been taken, or the socket was closed over it. */
async function heard({ socket }: Peer): Promise<void> {
	if (socket.readyState !== socket.OPEN) return;
	const { promise, resolve } = Promise.withResolvers<void>();
	socket.once("pong", () => resolve()).once("close", () => resolve());
	socket.ping();
	await promise;
}

const submitTo = async (machine: string) =>
	(await fleet.sdk.submit({ payload: { command: ["true"] }, constraints: { machine }, policies: { fallback: "never" } })).task;
const passed = AttemptReport.parse({ outcome: "passed", facts: { exitCode: 0, signal: null, durationMs: 1 } });

test("a worker sees nothing but its own work, over HTTP too", async () => {
	const { token } = await joinAs("curious", createKey());
	const foreign = await submitTo("nobody");
	const { paths } = JSON.parse((await ask(fleet.url, "GET", "/api/v1/openapi.json")).text);
	const digest = createHash("sha256").update("x").digest("hex");
	const names: Record<string, string> = {
		task: foreign,
		worker: "curious",
		id: "admin",
		repository: "0".repeat(32),
		commit: "0".repeat(40),
		digest,
	};
	for (const [path, methods] of Object.entries(paths as Record<string, Record<string, { security: unknown[] }>>)) {
		for (const [method, { security }] of Object.entries(methods)) {
			if (security.length === 0 || /^\/git\/.*(info\/refs|-pack)$/.test(path)) continue;
			const filled = path.replace(/\{(\w+)\}/g, (_, name: string) => names[name]!);
			const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
			const { status } = await ask(fleet.url, method.toUpperCase(), filled, { headers, body: method === "put" ? "x" : "" });
			expect(status, `${method} ${path}`).toBe(path.startsWith("/api/v1/blobs") ? 409 : 403);
		}
	}
});

test("an introduction that is played again opens nothing", async () => {
	const { introduction } = await joinAs("replayed", createKey());
	const peer = createPeer(`${fleet.url.replace("http", "ws")}/ws`, {});
	peers.push(peer);
	await peer.opened();
	for (const message of introduction) peer.send(message);
	expect(await peer.closed()).toMatchObject({ code: 4401 });
	expect(peer.heard.map(({ type }) => type)).not.toContain("welcome");
});

test("whatever a worker says, the coordinator stands, and the work of others is untouched", { timeout: 40_000 }, async () => {
	const honest = await joinAs("honest", createKey());
	const victim = await submitTo("honest");
	const assign = await honest.peer.message("assign");
	honest.peer.send({ type: "started", task: victim, attempt: 1 });
	await fleet.task(victim, ({ status }) => status === "in_progress");
	const waiting = await submitTo("nobody");
	const key = createKey();
	let hostile = await joinAs("hostile", key);

	const task = fc.constantFrom(victim, waiting, `t_${"0".repeat(26)}`, "../../etc", "");
	const attempt = fc.constantFrom(0, 1, 2, 1_000_000, -1, 1.5);
	const text = fc.string({ maxLength: 200, unit: "binary" });
	const report = fc.oneof(
		fc.constant(passed),
		fc.record({ outcome: fc.constantFrom("passed", "cancelled", "x"), message: text }),
		fc.json(),
	);
	const said = fc.oneof(
		fc.record({ type: fc.constant("complete"), task, attempt, report }),
		fc.record({ type: fc.constantFrom("started", "decline"), task, attempt, message: text }),
		fc.record({
			type: fc.constant("sync"),
			sequence: fc.integer(),
			assigned: fc.nat(),
			attempts: fc.array(fc.record({ task, attempt, state: fc.constantFrom("running", "ended", "preparing", "x") }), { maxLength: 5 }),
		}),
		fc.record({ type: fc.constant("offer"), offer: fc.oneof(fc.constant({ ...offer, slots: 4096 }), fc.object()) }),
		fc.record({ type: fc.constantFrom("hello", "prove", "renew", "bye", "assign", "__proto__"), signature: text, name: text }),
		fc.object(),
	);
	const frame = fc.uint8Array({ maxLength: 64 });
	const ofOthers = Buffer.alloc(64);
	ofOthers.writeUInt32BE(assign.channel, 4);
	for (const message of fc.sample(fc.oneof({ weight: 4, arbitrary: said }, { weight: 1, arbitrary: frame }), { seed: 7, numRuns: 400 })) {
		if (hostile.peer.socket.readyState !== hostile.peer.socket.OPEN) hostile = await joinAs("hostile", key, { again: true });
		hostile.peer.sendRaw(message instanceof Uint8Array ? message : JSON.stringify(message));
		hostile.peer.sendRaw(ofOthers);
		await heard(hostile.peer);
	}
	// One more introduction is answered: everything before it has been heard.
	await joinAs("hostile", key, { again: true });
	expect(await fleet.sdk.call("task.get", { task: victim })).toMatchObject({ status: "in_progress", attempt: 1 });
	expect(await fleet.sdk.call("task.get", { task: waiting })).toMatchObject({ status: "pending", attempt: 0 });
	honest.peer.send({ type: "complete", task: victim, attempt: 1, report: passed });
	expect(await fleet.task(victim, ({ status }) => status === "done")).toMatchObject({
		outcome: "passed",
		attempts: [{ worker: "honest" }],
	});
	expect(fleet.daemon.stderr).not.toMatch(/^[\d:.]+ error /m);
});

test("a late result of an attempt that was given up is settled and changes nothing", async () => {
	const key = createKey();
	const first = await joinAs("late", key);
	const task = await submitTo("late");
	await first.peer.message("assign");
	first.peer.send({ type: "started", task, attempt: 1 });
	await fleet.task(task, ({ status }) => status === "in_progress");
	// A new process under the same key: it runs nothing, so the attempt is lost, and tried again.
	const second = await joinAs("late", key, { again: true });
	second.peer.send({ type: "sync", sequence: 1, assigned: 0, attempts: [] });
	expect(await second.peer.message("assign")).toMatchObject({ task, attempt: 2 });
	second.peer.send({ type: "started", task, attempt: 2 });
	second.peer.send({ type: "complete", task, attempt: 1, report: passed });
	expect(await second.peer.message("settle")).toMatchObject({ task, attempt: 1 });
	expect(await fleet.sdk.call("task.get", { task })).toMatchObject({ attempt: 2, attempts: [{ report: { outcome: "worker_lost" } }, {}] });
	const failed = { ...passed, outcome: "failed", facts: { ...passed.facts, exitCode: 3 } };
	second.peer.send({ type: "complete", task, attempt: 2, report: failed });
	expect(await fleet.task(task, ({ status }) => status === "failed")).toMatchObject({ outcome: "failed", exitCode: 3 });
});

test("a worker writes nothing into a worktree but what was asked for, and never into .git", async () => {
	const { peer, token } = await joinAs("generous", createKey());
	using repository = new Repository({ "README.md": "hello\n" });
	const running = fleet.run(["--on", "generous", "--pull", "out", "--pull", "sub", "--", "true"], { cwd: repository.directory });
	const { task, attempt } = await peer.message("assign");
	peer.send({ type: "started", task, attempt });
	const content = "#!/bin/sh\necho run by git\n";
	const digest = createHash("sha256").update(content).digest("hex");
	await eventually(async () => {
		const { status } = await ask(fleet.url, "PUT", `/api/v1/blobs/${digest}`, {
			headers: { authorization: `Bearer ${token}` },
			body: content,
		});
		return status < 300;
	}, "the blob is stored");
	const paths = [".git/hooks/post-commit", "README.md", "sub/../.git/config", "out", "out/x", ".bashrc"];
	const artifacts = paths
		.filter((path) => !path.includes(".."))
		.map((path) => ({ path, digest, bytes: content.length, kind: "file" as const, mode: 0o755 }));
	peer.send({ type: "complete", task, attempt, report: { ...passed, artifacts } });
	const { code, stderr } = await running;
	expect(code, stderr).toBe(0);
	expect(readFileSync(join(repository.directory, "out"), "utf8")).toBe(content);
	expect(readFileSync(join(repository.directory, "README.md"), "utf8")).toBe("hello\n");
	expect(existsSync(join(repository.directory, ".git/hooks/post-commit"))).toBe(false);
	expect(existsSync(join(repository.directory, ".bashrc"))).toBe(false);
	expect(stderr).toContain("generous brought .git/hooks/post-commit, which nobody asked for: left alone");
});

test("nothing that workers and clients say steers the terminal of whoever lists it", async () => {
	const evil = "\x1b]52;c;aGk=\x07\x1b[2Jx\rpassed\x9b31m\u202egpj.exe\u2066";
	const { peer } = await joinAs("noisy", createKey(), {
		offered: { os: evil.slice(0, 32), arch: "\x1b[2J", tags: { a: evil }, version: evil },
	});
	const { task } = await fleet.sdk.submit({
		title: `${evil} {"level":"error"}`,
		payload: { command: ["true", evil] },
		constraints: { machine: "noisy" },
		policies: { fallback: "never" },
	});
	const { attempt } = await peer.message("assign");
	peer.send({ type: "started", task, attempt });
	const facts = { exitCode: null, signal: "\x1b[31m\rSIG", durationMs: 1 };
	const report = { ...passed, outcome: "failed", message: evil, facts, timings: { "\x1b]0;title\x07": 1 }, missing: [evil] };
	const attached = fleet.client.covey(["attach", task]);
	peer.send({ type: "complete", task, attempt, report });
	await fleet.sdk.call("token.create", { kind: "client", roles: ["read"], label: evil });
	const said = [await attached];
	for (const words of [
		["tasks", "list"],
		["tasks", "show", task],
		["why", task],
		["workers"],
		["token", "list"],
		["status"],
		["tasks", "show", evil],
	])
		said.push(await fleet.client.covey(words));
	for (const { stdout, stderr } of said) {
		const text = stdout.toString() + stderr;
		expect(text).not.toBe("");
		expect(text, JSON.stringify(text)).not.toMatch(/[\x00-\x09\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]/);
	}
	expect(fleet.daemon.stderr).not.toMatch(/[\x00-\x09\x0b-\x1f\x7f]/);
});
