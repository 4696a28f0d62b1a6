import { createPublicKey, generateKeyPairSync, type KeyObject, randomBytes, sign, verify } from "node:crypto";
import { chmod, mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
	challengeText,
	enrolText,
	linkText,
	type ProofFields,
	renewText,
	type V2FromWorkerMessage,
	type V2ToWorkerMessage,
} from "@covey/protocol";
import { expect, test } from "vitest";
import { type WebSocket, WebSocketServer } from "ws";
import { createSecret, fingerprintOf, type JoinToken } from "#host/token/token.ts";
import { systemClock } from "#kit/clock.ts";
import { deferred } from "#kit/deferred.ts";
import { silentLogger } from "#kit/logger.ts";
import type { LinkConnection } from "#ports/link.ts";
import { loadIdentity } from "#worker/identity.ts";
import { type CoordinatorSide, createInProcessTransport } from "./in-process.ts";
import { createLink, type Link } from "./link.ts";
import { createWebSocketTransport } from "./websocket.ts";

const offer = { slots: 1, capabilities: ["run"], tags: {}, os: "linux", arch: "x64", isolation: 0, version: "1", warm: [] };
type Prove = Extract<V2FromWorkerMessage, { type: "prove" }>;

/** The coordinator's side, as little of it as a worker can meet: one key, every proof checked, all that was said kept. */
class Coordinator implements AsyncDisposable {
	readonly key = generateKeyPairSync("ed25519").privateKey;
	readonly publicKey = createPublicKey(this.key).export({ type: "spki", format: "der" });
	readonly server = new WebSocketServer({ port: 0, host: "127.0.0.1", path: "/ws" });
	readonly said: V2FromWorkerMessage[] = [];
	readonly frames: Uint8Array[] = [];
	readonly sockets: WebSocket[] = [];
	/** Signs challenges with another key than the one that it shows. */
	impostor: KeyObject | undefined;
	tokenTtlMs = 60_000;
	refusal: Extract<V2ToWorkerMessage, { type: "refusal" }>["error"] | undefined;
	open = 0;
	openMost = 0;
	#waiting: { type: string; resolve: (message: V2FromWorkerMessage) => void }[] = [];

	constructor() {
		this.server.on("connection", (socket) => this.#meet(socket));
	}

	get url(): string {
		return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
	}

	get token(): JoinToken {
		return { kind: "join", fingerprint: fingerprintOf(this.publicKey), id: "k1", secret: createSecret() };
	}

	next<T extends V2FromWorkerMessage["type"]>(type: T): Promise<Extract<V2FromWorkerMessage, { type: T }>> {
		return new Promise((resolve) => this.#waiting.push({ type, resolve: resolve as (message: V2FromWorkerMessage) => void }));
	}

	send(message: V2ToWorkerMessage): void {
		this.sockets.at(-1)!.send(JSON.stringify(message));
	}

	#meet(socket: WebSocket): void {
		this.sockets.push(socket);
		this.openMost = Math.max(this.openMost, ++this.open);
		socket.on("close", () => this.open--);
		let fields: ProofFields;
		let publicKey: KeyObject;
		let enrolling = false;
		socket.on("message", (data: Buffer, binary) => {
			if (binary) return void this.frames.push(data);
			const value = JSON.parse(data.toString());
			for (const message of (value.type === "batch" ? value.messages : [value]) as V2FromWorkerMessage[]) {
				this.said.push(message);
				if (message.type === "hello") {
					enrolling = message.tokenId !== undefined;
					publicKey = createPublicKey({ key: Buffer.from(message.publicKey, "base64"), type: "spki", format: "der" });
					fields = {
						coordinator: "c1",
						coordinatorNonce: randomBytes(32).toString("base64"),
						workerNonce: message.nonce,
						workerPublicKey: message.publicKey,
						workerName: message.name,
						protocol: 2,
					};
					socket.send(JSON.stringify(this.#challenge(fields)));
				} else if (message.type === "prove") {
					const text = enrolling ? enrolText(fields) : linkText(fields);
					expect(verify(null, Buffer.from(text), publicKey, Buffer.from(message.signature, "base64"))).toBe(true);
					if (this.refusal === undefined) this.send(this.#welcome());
					else this.send({ type: "refusal", error: this.refusal });
				} else if (message.type === "renew") {
					expect(verify(null, Buffer.from(renewText("s1", "again")), publicKey, Buffer.from(message.signature, "base64"))).toBe(true);
					this.send({ type: "renewed", token: "second", tokenTtlMs: 60_000, renewal: "again" });
				}
				const index = this.#waiting.findIndex(({ type }) => type === message.type);
				if (index !== -1) this.#waiting.splice(index, 1)[0]!.resolve(message);
			}
		});
	}

	#challenge(fields: ProofFields): V2ToWorkerMessage {
		const { coordinator, coordinatorNonce: nonce, protocol } = fields;
		const signature = sign(null, Buffer.from(challengeText(fields, 1)), this.impostor ?? this.key).toString("base64");
		return { type: "challenge", protocol, coordinator, publicKey: this.publicKey.toString("base64"), nonce, time: 1, signature };
	}

	#welcome(): V2ToWorkerMessage {
		const { tokenTtlMs } = this;
		const times = { leaseTtlMs: 90_000, syncMs: 15_000, pingMs: 30_000 };
		return { type: "welcome", name: "w1", session: "s1", token: "first", tokenTtlMs, renewal: "again", version: "1", ...times };
	}

	async [Symbol.asyncDispose](): Promise<void> {
		for (const socket of this.server.clients) socket.terminate();
		await new Promise((resolve) => this.server.close(resolve));
	}
}

/** A link and what its listener heard. */
async function createRig(coordinator: Coordinator, options: { token?: JoinToken; directory?: string; pingMs?: number } = {}) {
	const directory = options.directory ?? (await mkdtemp(join(tmpdir(), "covey-link-")));
	const heard: V2ToWorkerMessage[] = [];
	const events: string[] = [];
	const message = deferred<V2ToWorkerMessage>();
	let changed = deferred();
	const note = (event: string) => {
		events.push(event);
		changed.resolve();
		changed = deferred();
	};
	const heartbeat = { pingMs: options.pingMs ?? 30_000, pongMs: options.pingMs ?? 10_000 };
	const link: Link = createLink(
		{
			transport: createWebSocketTransport({ url: coordinator.url, connectTimeoutMs: 5000, heartbeat }),
			identity: await loadIdentity(directory),
			name: "w1",
			instance: "instance-1",
			version: "1",
			stateDirectory: directory,
			token: options.token,
			offer: () => offer,
			clock: systemClock,
			random: Math.random,
			logger: silentLogger,
			backoff: { firstMs: 5, maxMs: 20 },
			handshakeTimeoutMs: 10_000,
		},
		{
			connected: () => note("connected"),
			message(given) {
				heard.push(given);
				message.resolve(given);
			},
			disconnected: () => note("disconnected"),
			refused: (error) => note(`refused: ${error.code}`),
		},
	);
	return {
		directory,
		link,
		heard,
		events,
		message: message.promise,
		async until(event: string, times = 1) {
			while (events.filter((seen) => seen === event).length < times) await changed.promise;
		},
		start: () => link.start(new AbortController().signal),
		async [Symbol.asyncDispose]() {
			await link.stop();
			if (options.directory === undefined) await rm(directory, { recursive: true, force: true });
		},
	};
}

test("a worker enrols with its token, is known by its key from then on, and never shows the token again", async () => {
	await using coordinator = new Coordinator();
	const token = coordinator.token;
	await using first = await createRig(coordinator, { token });
	await first.start();
	expect(coordinator.said).toMatchObject([
		{ type: "hello", tokenId: "k1", protocol: [2, 2] },
		{ type: "prove", tokenSecret: token.secret, offer },
	]);
	await first.link.stop();
	await using second = await createRig(coordinator, { directory: first.directory, token });
	await second.start();
	const [hello, prove] = coordinator.said.slice(-2);
	expect(hello).not.toHaveProperty("tokenId");
	expect(prove).not.toHaveProperty("tokenSecret");
});

test.each([
	[
		"shows another key",
		(coordinator: Coordinator, token: JoinToken) => ({ ...token, fingerprint: fingerprintOf(coordinator.publicKey.subarray(1)) }),
	],
	[
		"does not hold the key that it shows",
		(coordinator: Coordinator, token: JoinToken) => {
			coordinator.impostor = generateKeyPairSync("ed25519").privateKey;
			return token;
		},
	],
])("a coordinator that %s never sees the secret", async (_name, tamper) => {
	await using coordinator = new Coordinator();
	const token = tamper(coordinator, coordinator.token);
	await using rig = await createRig(coordinator, { token });
	await expect(rig.start()).rejects.toMatchObject({ code: "forbidden" });
	expect(JSON.stringify(coordinator.said)).not.toContain(token.secret);
	expect(rig.events).toEqual(["refused: forbidden"]);
});

test("a worker that never joined says how to, without knocking", async () => {
	await using coordinator = new Coordinator();
	await using rig = await createRig(coordinator);
	await expect(rig.start()).rejects.toMatchObject({ code: "unauthenticated", hint: expect.stringContaining("covey join") });
	expect(coordinator.openMost).toBe(0);
});

test("a refusal ends the link for good and reaches whoever started it", async () => {
	await using coordinator = new Coordinator();
	coordinator.refusal = { code: "name_in_use", message: "w1 is another worker's name", hint: "--name" };
	await using rig = await createRig(coordinator, { token: coordinator.token });
	await expect(rig.start()).rejects.toMatchObject({ code: "name_in_use", hint: "--name" });
	expect(coordinator.sockets).toHaveLength(1);
});

test.each(["name_in_use", "forbidden"] as const)("a welcomed worker that is sent away with %s stays away", async (code) => {
	await using coordinator = new Coordinator();
	await using rig = await createRig(coordinator, { token: coordinator.token });
	await rig.start();
	coordinator.send({ type: "refusal", error: { code, message: "another process has connected as w1" } });
	await rig.until(`refused: ${code}`);
	expect(rig.events).toEqual(["connected", "disconnected", `refused: ${code}`]);
	expect(coordinator.sockets).toHaveLength(1);
});

test.each(["unavailable", "conflict", "unauthenticated", "bad_request", "timeout"] as const)(
	"a session that ends with %s is followed by another, by key",
	async (code) => {
		await using coordinator = new Coordinator();
		await using rig = await createRig(coordinator, { token: coordinator.token });
		await rig.start();
		coordinator.send({ type: "refusal", error: { code, message: "the session ends" } });
		await rig.until("connected", 2);
		expect(coordinator.said.findLast(({ type }) => type === "prove")).not.toHaveProperty("tokenSecret");
	},
);

test("a coordinator that lost our key gets the token again, if there is one", async () => {
	await using coordinator = new Coordinator();
	await using first = await createRig(coordinator, { token: coordinator.token });
	await first.start();
	await first.link.stop();
	coordinator.refusal = { code: "unauthenticated", message: "no such worker" };
	await using second = await createRig(coordinator, { directory: first.directory, token: coordinator.token });
	await expect(second.start()).rejects.toMatchObject({ code: "unauthenticated" });
	const proofs = coordinator.said.filter((message): message is Prove => message.type === "prove").slice(1);
	expect(proofs.map(({ tokenSecret }) => tokenSecret !== undefined)).toEqual([false, true]);
});

test("a link that breaks comes back, with one connection at a time, until it is stopped", async () => {
	await using coordinator = new Coordinator();
	await using rig = await createRig(coordinator, { token: coordinator.token });
	await rig.start();
	for (let round = 2; round < 6; round++) {
		coordinator.sockets.at(-1)!.terminate();
		await rig.until("connected", round);
	}
	expect(coordinator.openMost).toBe(1);
	await rig.link.stop();
	expect(rig.events.at(-1)).toBe("disconnected");
	expect(rig.link.connection).toBeUndefined();
});

test("another program in the coordinator's place ends a first join, and is waited out by a worker that has met its coordinator", async () => {
	await using coordinator = new Coordinator();
	const { server, token } = coordinator;
	server.shouldHandle = () => false;
	await using stranger = await createRig(coordinator, { token });
	await expect(stranger.start()).rejects.toMatchObject({
		code: "version_mismatch",
		message: expect.stringContaining("is not a Covey coordinator"),
	});
	server.shouldHandle = () => true;
	await using rig = await createRig(coordinator, { token });
	await rig.start();
	const refused = new Promise<void>((resolve) => {
		server.shouldHandle = () => {
			server.shouldHandle = () => true;
			resolve();
			return false;
		};
	});
	coordinator.sockets.at(-1)!.terminate();
	await refused;
	await rig.until("connected", 2);
	expect(rig.events).toEqual(["connected", "disconnected", "connected"]);
});

test("messages and frames arrive in the order in which they were sent", async () => {
	await using coordinator = new Coordinator();
	await using rig = await createRig(coordinator, { token: coordinator.token });
	await rig.start();
	const bye = coordinator.next("bye");
	for (let i = 0; i < 2500; i++) rig.link.send({ type: "pong" });
	rig.link.connection!.sendFrame(Buffer.from("frame"));
	rig.link.send({ type: "bye", reason: "done" });
	await bye;
	expect(coordinator.said.slice(2).map(({ type }) => type)).toEqual([...Array(2500).fill("pong"), "bye"]);
	expect(coordinator.frames.map(String)).toEqual(["frame"]);
	coordinator.send({ type: "drain", draining: true });
	expect(await rig.message).toEqual({ type: "drain", draining: true });
});

test("a ping is answered, and the session is renewed before it ends", async () => {
	await using coordinator = new Coordinator();
	coordinator.tokenTtlMs = 30;
	await using rig = await createRig(coordinator, { token: coordinator.token });
	const renewed = coordinator.next("renew");
	await rig.start();
	expect(rig.link.token).toBe("first");
	await renewed;
	const pong = coordinator.next("pong");
	coordinator.send({ type: "ping" });
	await pong;
	expect(rig.link.token).toBe("second");
});

test("a coordinator that stopped answering is noticed, and another connection is made", async () => {
	await using coordinator = new Coordinator();
	await using rig = await createRig(coordinator, { token: coordinator.token, pingMs: 20 });
	await rig.start();
	// The socket stays open and says nothing any more.
	coordinator.sockets[0]!.pause();
	await rig.until("connected", 2);
	expect(rig.events).toEqual(["connected", "disconnected", "connected"]);
});

test.each([
	["that is not JSON", "not JSON"],
	["of an unknown type", '{"type":"unheard of"}'],
	["over the limit", `{"type":"drain","draining":true,"filler":"${"x".repeat(1024 * 1024)}"}`],
])("a message %s ends the connection", async (_name, text) => {
	await using coordinator = new Coordinator();
	await using rig = await createRig(coordinator, { token: coordinator.token });
	await rig.start();
	coordinator.sockets[0]!.send(text);
	await rig.until("disconnected");
	expect(rig.heard).toEqual([]);
});

test("in process, both sides hear each other in order, and the end once", async () => {
	let side: CoordinatorSide | undefined;
	const transport = createInProcessTransport({ url: "http://127.0.0.1:1", accept: (given) => (side = given) });
	const worker: LinkConnection = await transport.connect(new AbortController().signal);
	const seen: string[] = [];
	side!.send({ type: "drain", draining: true });
	side!.listen({ message: ({ type }) => seen.push(type), frame: (frame) => seen.push(String(frame)), end: () => seen.push("end") });
	const ended = deferred();
	worker.listen({ message: ({ type }) => seen.push(`worker: ${type}`), end: () => ended.resolve() });
	worker.send({ type: "pong" });
	worker.sendFrame(Buffer.from("frame"));
	worker.send({ type: "bye", reason: "" });
	await worker.drained(0);
	side!.close(1000, "over");
	worker.close();
	await ended.promise;
	expect(seen).toEqual(["worker: drain", "pong", "frame", "bye", "end"]);
});

test("the key is made once, for its owner alone; a key that others may read is refused", async () => {
	const directory = await mkdtemp(join(tmpdir(), "covey-key-"));
	const made = await loadIdentity(directory);
	const path = join(directory, "worker.key");
	expect((await stat(path)).mode & 0o777).toBe(0o600);
	expect((await loadIdentity(directory)).publicKey).toBe(made.publicKey);
	await chmod(path, 0o640);
	await expect(loadIdentity(directory)).rejects.toMatchObject({ code: "forbidden", hint: expect.stringContaining("chmod 600") });
	await chmod(path, 0o600);
	await writeFile(path, "SECRET");
	await expect(loadIdentity(directory)).rejects.toThrow(/^(?!.*SECRET).*not an Ed25519/);
	await rm(directory, { recursive: true });
});
