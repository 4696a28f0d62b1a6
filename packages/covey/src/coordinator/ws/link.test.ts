import { randomBytes } from "node:crypto";
import { errorTable } from "@covey/protocol";
import { encodeFrame } from "@covey/protocol/frames";
import { challengeText, renewText } from "@covey/protocol/proof";
import { expect, test } from "vitest";
import { isSignedBy } from "#coordinator/identity/proof.ts";
import { createLogger } from "#kit/logger.ts";
import { assignTo, createKey, helloOf, joinFleet, offer, otherTask, proofOf, startLink, task } from "./link.fixture.ts";

const never = new AbortController().signal;
const frame = (channel: number, offset: number, text: string, attempt = 1) =>
	encodeFrame({ kind: "output", stream: "stdout", channel, attempt, offset, data: Buffer.from(text) });
const report = { outcome: "passed" as const, artifacts: [], missing: [], outputBytes: 0, outputDroppedBytes: 0, timings: {} };

async function readLog(link: Awaited<ReturnType<typeof startLink>>, attempt = 1): Promise<string> {
	let text = "";
	for await (const { kind, data, length } of link.logs.read(task, attempt, { offset: 0, follow: false, signal: never })) {
		text += kind === "gap" ? `[${length} missing]` : Buffer.from(data).toString();
	}
	return text;
}

test("A worker with a join token sees the coordinator's proof first, is enrolled, and is known by its key from then on", async () => {
	await using link = await startLink();
	const token = link.fleet.addToken({ kind: "join", usesLeft: 1, namespaces: ["team"], tags: { gpu: "yes" } });
	const key = createKey();
	const enrol = async () => {
		const peer = link.connect();
		await peer.opened();
		const hello = helloOf(key, "w1", token.id);
		peer.send(hello);
		const challenge = await peer.message("challenge");
		const fields = {
			coordinator: "hub",
			coordinatorNonce: challenge.nonce,
			workerNonce: hello.nonce,
			workerPublicKey: key.publicKey,
			workerName: "w1",
			protocol: 2,
		};
		expect(isSignedBy(link.identity.publicKey, challengeText(fields, challenge.time), challenge.signature)).toBe(true);
		peer.send(proofOf(key, hello, challenge, token.secret));
		return peer.message("welcome");
	};
	const welcome = await enrol();
	expect(link.fleet.workers.get("w1")).toMatchObject({
		identity: { kind: "key", publicKey: key.publicKey },
		namespaces: ["team"],
		tags: { gpu: "yes" },
	});
	expect(link.sessionTokens.verify(welcome.token)).toEqual({ worker: "w1", session: welcome.session, namespaces: ["team"] });
	// Its welcome might have been lost: the same key may show the used token again.
	await enrol();
	await joinFleet(link, "w1", key);
	expect(link.fleet.events.filter(({ type }) => type === "worker.enrol")).toHaveLength(1);
	expect(link.fleet.events.filter(({ type }) => type === "worker.connect")).toHaveLength(3);
});

const joinRefusals = [
	{ title: "expired", token: { expiresAt: 1 }, code: "unauthenticated", says: "has expired" },
	{ title: "used", token: { usesLeft: 0 }, code: "unauthenticated", says: "was used already" },
	{ title: "revoked", token: { revoked: true }, code: "unauthenticated", says: "was revoked" },
	{ title: "for another name", token: { name: "w2" }, code: "forbidden", says: "is for the name w2" },
	{ title: "with a wrong secret", token: {}, secret: "guess", code: "unauthenticated", says: "not valid" },
	{ title: "for a name in use", token: {}, name: "taken", code: "name_in_use", says: "taken" },
] as const;

test.each(joinRefusals)("A join token $title is refused with its reason and changes nothing", async ({ token, code, says, ...rest }) => {
	await using link = await startLink();
	await joinFleet(link, "taken");
	const before = link.fleet.workers.size;
	const shown = link.fleet.addToken({ kind: "join", ...token });
	const peer = link.connect();
	await peer.opened();
	const key = createKey();
	const hello = helloOf(key, "name" in rest ? rest.name : "w1", shown.id);
	peer.send(hello);
	peer.send(proofOf(key, hello, await peer.message("challenge"), "secret" in rest ? rest.secret : shown.secret));
	const { error } = await peer.message("refusal");
	expect(error).toMatchObject({ code, message: expect.stringContaining(says) });
	expect((await peer.closed()).code).toBe(errorTable[code].close);
	expect(link.fleet.workers.size).toBe(before);
});

test("Refusals of one source are logged once in a while, however often it tries", async () => {
	const lines: string[] = [];
	const logger = createLogger({ level: "warn", format: "json", write: (line) => lines.push(line), now: () => 0 });
	await using link = await startLink({ logger });
	for (let tries = 0; tries < 3; tries++) {
		const peer = link.connect();
		await peer.opened();
		peer.send(helloOf(createKey(), "w1", undefined, [3, 4]));
		await peer.message("refusal");
		await peer.closed();
	}
	expect(lines.map((line) => JSON.parse(line))).toEqual([expect.objectContaining({ source: "127.0.0.1", code: "version_mismatch" })]);
});

test("A worker of another version is told both ranges and which side to upgrade", async () => {
	await using link = await startLink();
	const peer = link.connect();
	await peer.opened();
	peer.send(helloOf(createKey(), "w1", undefined, [3, 4]));
	expect((await peer.message("refusal")).error).toMatchObject({
		code: "version_mismatch",
		message: expect.stringMatching(/3 to 4.*1 to 2/),
		hint: "upgrade the coordinator",
	});
	expect((await peer.closed()).code).toBe(errorTable.version_mismatch.close);
});

test("A replayed introduction, a foreign signature and a revoked worker are refused, and the fleet hears nothing", async () => {
	await using link = await startLink();
	const key = createKey();
	await joinFleet(link, "w1", key);
	const hello = helloOf(key, "w1");
	const first = link.connect();
	await first.opened();
	first.send(hello);
	const recorded = proofOf(key, hello, await first.message("challenge"));
	const attack = async (prove: object) => {
		const peer = link.connect();
		await peer.opened();
		peer.send(hello);
		await peer.message("challenge");
		peer.send(prove);
		return (await peer.closed()).code;
	};
	const connects = () => link.fleet.events.filter(({ type }) => type === "worker.connect").length;
	expect(await attack(recorded)).toBe(errorTable.unauthenticated.close);
	expect(await attack({ ...recorded, signature: randomBytes(64).toString("base64") })).toBe(errorTable.unauthenticated.close);
	expect(await attack({ ...recorded, signature: "" })).toBe(errorTable.unauthenticated.close);
	link.fleet.workers.get("w1")!.revoked = true;
	const peer = link.connect();
	await peer.opened();
	peer.send(hello);
	peer.send(proofOf(key, hello, await peer.message("challenge")));
	expect((await peer.closed()).code).toBe(errorTable.forbidden.close);
	expect(connects()).toBe(1);
});

const malice = [
	{ title: "JSON that is cut short", data: "{" },
	{ title: "an unknown type", data: '{"type":"explode"}' },
	{ title: "a second hello", data: JSON.stringify(helloOf(createKey(), "w1")) },
	{ title: "a bad attempt number", data: `{"type":"started","task":"${task}","attempt":-1}` },
	{ title: "a garbage frame", data: Buffer.from([1, 9, 9, 9]) },
	{ title: "a frame on a channel never given out", data: frame(7, 0, "x") },
	{ title: "a frame of another attempt on its channel", data: frame(1, 0, "x", 2) },
] as const;

test.each(malice)("In a session $title ends it with bad_request and leaves no trace", async ({ data }) => {
	await using link = await startLink();
	const { peer, session } = await joinFleet(link);
	link.fleet.perform(assignTo(session, "w1"));
	await peer.message("assign");
	const before = link.fleet.events.length;
	peer.sendRaw(data);
	expect((await peer.closed()).code).toBe(errorTable.bad_request.close);
	await link.fleet.event("worker.disconnect");
	expect(link.fleet.events.slice(before).map(({ type }) => type)).toEqual(["worker.disconnect"]);
	expect(await readLog(link)).toBe("");
});

test("A message over the limit closes the socket", async () => {
	await using link = await startLink();
	const { peer } = await joinFleet(link);
	peer.sendRaw(" ".repeat(1024 * 1024 + 1));
	expect((await peer.closed()).code).toBe(1009);
});

test("An attempt is assigned, its output logged and acknowledged, its result told after its output, and settled", async () => {
	await using link = await startLink();
	const { peer, session } = await joinFleet(link);
	link.fleet.perform(assignTo(session, "w1"), { type: "drain", session, worker: "w1", draining: true });
	const { channel } = await peer.message("assign");
	await peer.message("drain");
	peer.send({ type: "batch", messages: [{ type: "started", task, attempt: 1 }] });
	peer.sendRaw(frame(channel, 0, "hello "));
	peer.sendRaw(frame(channel, 6, "world"));
	peer.send({ type: "complete", task, attempt: 1, report });
	expect(await link.fleet.event("attempt.completed")).toMatchObject({
		session,
		worker: "w1",
		task,
		attempt: 1,
		report: { outcome: "passed" },
	});
	expect(await readLog(link)).toBe("hello world");
	expect(await peer.message("acknowledge")).toMatchObject({ task, attempt: 1, offset: 11 });
	link.fleet.perform(
		{ type: "settle", session, worker: "w1", task, attempt: 1 },
		{ type: "notify", event: { type: "task", at: 1, task, namespace: "default", status: "done", attempt: 1 } },
	);
	await peer.message("settle");
	expect((await link.logs.end(task, 1)).complete).toBe(true);
	peer.sendRaw(frame(channel, 11, " too late"));
	peer.send({ type: "offer", offer });
	await link.fleet.event("worker.offer");
	expect(await readLog(link)).toBe("hello world");
});

test("After a reconnect the sync says from where output is wanted, on the new session's channel, and nothing is doubled", async () => {
	await using link = await startLink();
	const first = await joinFleet(link);
	link.fleet.perform(assignTo(first.session, "w1"));
	const { channel } = await first.peer.message("assign");
	first.peer.sendRaw(frame(channel, 0, "0123456789"));
	await first.peer.message("acknowledge");
	first.peer.socket.terminate();
	await link.fleet.event("worker.disconnect", ({ session }) => session === first.session);

	const second = await joinFleet(link, "w1", first.key);
	second.peer.send({ type: "sync", sequence: 1, assigned: 0, attempts: [{ task, attempt: 1, state: "running" }] });
	await link.fleet.event("worker.sync", ({ session }) => session === second.session);
	link.fleet.perform({
		type: "synced",
		session: second.session,
		worker: "w1",
		sequence: 1,
		end: [{ task: otherTask, attempt: 3, reason: "worker_lost", graceMs: 5000 }],
		settled: [],
		draining: false,
		keep: [{ task, attempt: 1 }],
	});
	const synced = await second.peer.message("synced");
	expect(synced).toMatchObject({ end: [{ task: otherTask }], resume: [{ task, attempt: 1, offset: 10 }] });
	second.peer.sendRaw(frame(synced.resume[0]!.channel, 5, "56789abc"));
	await second.peer.message("acknowledge");
	expect(await readLog(link)).toBe("0123456789abc");
});

test("A newer connection replaces the older one, whose end and output touch nothing of it", async () => {
	await using link = await startLink();
	const old = await joinFleet(link);
	link.fleet.perform(assignTo(old.session, "w1"));
	await old.peer.message("assign");
	const current = await joinFleet(link, "w1", old.key);
	link.fleet.perform({ type: "disconnect", session: old.session, worker: "w1", error: { code: "conflict", message: "replaced" } });
	expect((await old.peer.closed()).code).toBe(errorTable.conflict.close);
	const gone = await link.fleet.event("worker.disconnect");
	expect(gone.session).toBe(old.session);
	expect(link.sessionTokens.verify(old.welcome.token)).toBeUndefined();
	expect(link.sessionTokens.verify(current.welcome.token)).toMatchObject({ session: current.session });
	link.fleet.perform(assignTo(current.session, "w1", { attempt: 2 }));
	await current.peer.message("assign");
});

test("A revoked worker is told why and its socket is closed at once", async () => {
	await using link = await startLink();
	const { peer, session } = await joinFleet(link);
	link.fleet.perform({ type: "disconnect", session, worker: "w1", error: { code: "forbidden", message: "w1 was revoked" } });
	expect((await peer.message("refusal")).error.message).toBe("w1 was revoked");
	expect((await peer.closed()).code).toBe(errorTable.forbidden.close);
});

test("A session is renewed by a fresh signature only", async () => {
	await using link = await startLink();
	const { peer, key, welcome } = await joinFleet(link);
	peer.send({ type: "renew", signature: key.sign(renewText(welcome.session, welcome.renewal)) });
	const renewed = await peer.message("renewed");
	expect(link.sessionTokens.verify(renewed.token)).toMatchObject({ worker: "w1" });
	peer.send({ type: "renew", signature: key.sign(renewText(welcome.session, welcome.renewal)) });
	expect((await peer.closed()).code).toBe(errorTable.unauthenticated.close);
	expect(link.sessionTokens.verify(renewed.token)).toBeUndefined();
});

test("A worker that answers no ping is disconnected, one that says anything is not", async () => {
	await using link = await startLink({ pingMs: 20, pongMs: 200 });
	const silent = await joinFleet(link, "silent");
	const alive = await joinFleet(link, "alive");
	alive.peer.socket.on("message", () => alive.peer.send({ type: "pong" }));
	expect((await silent.peer.closed()).code).toBe(errorTable.timeout.close);
	expect((await link.fleet.event("worker.disconnect")).worker).toBe("silent");
	expect(alive.peer.socket.readyState).toBe(alive.peer.socket.OPEN);
});

test("A goodbye ends the session on purpose", async () => {
	await using link = await startLink();
	const { peer } = await joinFleet(link);
	peer.send({ type: "bye", reason: "stopped" });
	expect((await peer.closed()).code).toBe(1000);
	expect(await link.fleet.event("worker.disconnect")).toMatchObject({ bye: true });
});

test("The embedded worker is welcome at once and connected by its first offer; what it said before comes after", async () => {
	await using link = await startLink();
	const sent: { type: string }[] = [];
	let hear: ((message: never) => void) | undefined;
	link.server.acceptEmbedded(
		{ send: (message) => sent.push(message), close: () => {}, queuedBytes: 0, listen: ({ message }) => (hear = message) },
		{ name: "hub", instance: "instance-1" },
	);
	expect(sent.map(({ type }) => type)).toEqual(["welcome"]);
	hear?.({ type: "sync", sequence: 1, assigned: 0, attempts: [] } as never);
	hear?.({ type: "offer", offer } as never);
	await link.fleet.event("worker.sync");
	expect(link.fleet.events.map(({ type }) => type)).toEqual(["worker.enrol", "worker.connect", "worker.sync"]);
	expect(link.fleet.workers.get("hub")?.identity).toEqual({ kind: "embedded" });
});

test("a stranger who goes on talking before it is welcome is turned away, and nothing of it is kept", async () => {
	await using link = await startLink();
	const key = createKey();
	const peer = link.connect();
	await peer.opened();
	const hello = helloOf(key, "w1");
	peer.send(hello);
	const proof = proofOf(key, hello, await peer.message("challenge"));
	const sync = { type: "sync", sequence: 1, assigned: 0, attempts: [] };
	peer.send({ type: "batch", messages: [proof, sync] });
	expect(await peer.message("refusal")).toMatchObject({ error: { code: "bad_request", message: "something else than an introduction" } });
	expect(await peer.closed()).toMatchObject({ code: 4400 });
});
