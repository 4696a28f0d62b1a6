import { createHash } from "node:crypto";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { Readable } from "node:stream";
import { CoveyError, type TaskView } from "@covey/protocol";
import { expect, test } from "vitest";
import { Authenticator } from "#coordinator/auth/authenticator.ts";
import { createDoor } from "#coordinator/http/door.ts";
import { createHttpServer } from "#coordinator/http/server.ts";
import { createSessionTokens } from "#coordinator/identity/session-tokens.ts";
import { artifactLimits } from "#coordinator/limits.ts";
import type { OperationContext } from "#coordinator/operations/context.ts";
import type { TokenRecord } from "#core/token.ts";
import type { FleetView } from "#core/view.ts";
import { encodeToken, hashSecret } from "#host/token/token.ts";
import { silentLogger } from "#kit/logger.ts";
import type { Blobs } from "#ports/blobs.ts";
import { Allowance } from "./allowance.ts";
import { createArtifactRoutes } from "./routes.ts";

const task = "t_01jd0000000000000000000000";
const content = Buffer.from("the binary");
const digest = createHash("sha256").update(content).digest("hex");

/** The routes behind the real door; one task whose attempt 2 runs in session s1 of w1, while w2 is idle. */
async function startDoor(allowance = new Allowance(() => 0)) {
	const stored = new Map<string, Buffer>();
	const blobs = {
		async put(name, chunks) {
			const bytes = Buffer.concat(await Array.fromAsync(chunks));
			if (createHash("sha256").update(bytes).digest("hex") !== name) throw new CoveyError("bad_request", "another digest");
			const created = !stored.has(name);
			stored.set(name, bytes);
			return { bytes: bytes.length, created };
		},
		async get(name) {
			const bytes = stored.get(name);
			return bytes && { bytes: bytes.length, content: Readable.from(pieces(bytes)) };
		},
	} as Pick<Blobs, "put" | "get"> as Blobs;
	const report = { artifacts: [{ path: "target/app", digest, bytes: content.length, kind: "file", mode: 0o755 }] };
	const view = { id: task, namespace: "team", attempts: [{ number: 2, report }] } as unknown as TaskView;
	const running = { session: { id: "s1" }, held: new Map([[`${task}.2`, 1]]) };
	const idle = { session: { id: "s2" }, held: new Map() };
	const fleet = {
		task: (id: string) => (id === task ? view : undefined),
		workerRecord: (name: string) => ({ w1: running, w2: idle })[name],
	} as unknown as FleetView;
	const context = {
		control: { query: async <T>(read: (fleet: FleetView) => T) => read(fleet) },
		history: { get: async () => undefined },
	} as unknown as OperationContext;
	const sessions = createSessionTokens(() => 0);
	const readers = new Map(["team", "other"].map((namespace) => [namespace, readerOf(namespace)]));
	const find = async (id: string) => readers.get(id)?.record;
	const authenticator = new Authenticator({ adminSecretHash: hashSecret("-"), sessions, now: () => 0, find });
	const routes = createArtifactRoutes(context, blobs, allowance);
	const server = createHttpServer(
		createDoor({ guard: { check: () => {} } as never, authenticator, admissions: { admit: () => () => {} }, routes, logger: silentLogger }),
	);
	server.listen(0, "127.0.0.1");
	await once(server, "listening");
	const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}/api/v1/`;
	const call = async (method: string, path: string, token: string, body?: Uint8Array<ArrayBuffer>) => {
		const response = await fetch(base + path, { method, headers: { authorization: `Bearer ${token}` }, ...(body && { body }) });
		return { status: response.status, body: Buffer.from(await response.arrayBuffer()) };
	};
	return {
		stored,
		put: (token: string, body = Uint8Array.from(content)) => call("PUT", `blobs/${digest}`, token, body),
		get: (token: string, name = digest) => call("GET", `tasks/${task}/artifacts/${name}`, token),
		session: (worker: string, session: string) => sessions.issue({ worker, session, namespaces: [] }, 1000),
		reader: (namespace: string) => readers.get(namespace)!.token,
		async [Symbol.asyncDispose]() {
			server.closeAllConnections();
			server.close();
			await once(server, "close");
		},
	};
}

function* pieces(bytes: Buffer): Generator<Buffer> {
	for (let at = 0; at < bytes.length; at += 1024 * 1024) yield bytes.subarray(at, at + 1024 * 1024);
}

function readerOf(namespace: string) {
	const base = { kind: "client", label: "", createdAt: 0, createdBy: "", tags: {}, revoked: false } as const;
	const record: TokenRecord = { ...base, id: namespace, secretHash: hashSecret("s"), roles: ["read"], namespaces: [namespace] };
	return { record, token: encodeToken({ kind: "client", id: namespace, secret: "s" }) };
}

test("The session that runs the attempt stores an artifact, once, and a reader of the namespace gets it", async () => {
	await using door = await startDoor();
	const token = door.session("w1", "s1");
	expect((await door.put(token)).status).toBe(201);
	expect((await door.put(token)).status).toBe(200);
	const got = await door.get(door.reader("team"));
	expect([got.status, got.body.toString()]).toEqual([200, "the binary"]);
});

test("Nobody else stores anything: no older session, no idle worker, no client, and no content of another digest", async () => {
	await using door = await startDoor();
	const own = door.session("w1", "s1");
	expect((await door.put(door.session("w1", "s0"))).status).toBe(409);
	expect((await door.put(door.session("w2", "s2"))).status).toBe(409);
	expect((await door.put(door.session("w3", "s1"))).status).toBe(409);
	expect((await door.put(door.reader("team"))).status).toBe(403);
	expect((await door.put("guess")).status).toBe(401);
	expect((await door.put(own, Uint8Array.from([1]))).status).toBe(400);
	expect(door.stored.size).toBe(0);
});

test("A worker that has stored what it may is refused; what was not stored costs it nothing, what is stored again does", async () => {
	const allowance = new Allowance(() => 0);
	await using door = await startDoor(allowance);
	const token = door.session("w1", "s1");
	async function* all(): AsyncIterable<Uint8Array> {
		yield { length: artifactLimits.attemptBytesMax - 2 * content.length } as Uint8Array;
	}
	await Array.fromAsync(allowance.open("w1", [`${task}.2`]).count(all()));
	expect((await door.put(token, Uint8Array.from([1]))).status).toBe(400);
	expect((await door.put(token)).status).toBe(201);
	expect((await door.put(token)).status).toBe(200);
	expect((await door.put(token)).status).toBe(413);
});

test("A reader of another namespace, an artifact that was never reported and one that is gone are not found alike", async () => {
	await using door = await startDoor();
	expect((await door.get(door.reader("team"))).status).toBe(404);
	await door.put(door.session("w1", "s1"));
	expect((await door.get(door.reader("other"))).status).toBe(404);
	expect((await door.get(door.reader("team"), "0".repeat(64))).status).toBe(404);
	expect((await door.get(door.reader("team"), "..%2f..%2fetc")).status).toBe(400);
});

test("A large artifact goes out at its reader's pace and leaves nothing behind on the way", async () => {
	await using door = await startDoor();
	const warnings: Error[] = [];
	const note = (warning: Error) => void warnings.push(warning);
	process.on("warning", note);
	using _note = { [Symbol.dispose]: () => void process.off("warning", note) };
	const large = Buffer.alloc(32 * 1024 * 1024, "x");
	door.stored.set(digest, large);
	const { status, body } = await door.get(door.reader("team"));
	expect(status).toBe(200);
	expect(body.equals(large)).toBe(true);
	expect(warnings).toEqual([]);
});
