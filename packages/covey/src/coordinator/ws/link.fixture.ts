import { generateKeyPairSync, sign } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CoveyError, type V2FromWorkerMessage, type V2ToWorkerMessage, type WorkerOffer } from "@covey/protocol";
import { enrolText, linkText } from "@covey/protocol/proof";
import WebSocket from "ws";
import { Authenticator } from "#coordinator/auth/authenticator.ts";
import { loadCoordinatorIdentity } from "#coordinator/identity/identity.ts";
import { createSessionTokens } from "#coordinator/identity/session-tokens.ts";
import { createLogs } from "#coordinator/logs/logs.ts";
import type { Effect } from "#core/effect.ts";
import type { Event } from "#core/event.ts";
import type { TokenRecord } from "#core/token.ts";
import type { FleetView } from "#core/view.ts";
import type { WorkerRecord } from "#core/worker.ts";
import { createSecret, hashSecret } from "#host/token/token.ts";
import { systemClock } from "#kit/clock.ts";
import { type Logger, silentLogger } from "#kit/logger.ts";
import type { Control } from "#ports/control.ts";
import { createLinkServer } from "./server.ts";

export const task = "t_01jd0000000000000000000000";
export const otherTask = "t_01jd0000000000000000000001";

/** A link server on a real port, real logs, and a fleet that a test plays: it sees the events and gives the effects. */
export async function startLink(options: { readonly pingMs?: number; readonly pongMs?: number; readonly logger?: Logger } = {}) {
	const directory = await mkdtemp(join(tmpdir(), "covey-link-"));
	const identity = await loadCoordinatorIdentity(directory, "hub");
	const fleet = createPlayedFleet();
	const logs = createLogs({ directory: join(directory, "logs"), clock: systemClock, logger: silentLogger });
	const sessionTokens = createSessionTokens(systemClock.now);
	const find = async (id: string) => fleet.tokens.get(id);
	const authenticator = new Authenticator({ adminSecretHash: hashSecret("-"), sessions: sessionTokens, now: systemClock.now, find });
	const context = { control: fleet.control, logs, identity, sessionTokens, clock: systemClock, logger: silentLogger, authenticator };
	const server = createLinkServer({ ...context, admissions: { admit: () => () => {} }, ...options });
	const http = createServer().on("upgrade", (request, socket, head) => server.handleUpgrade(request, socket, head));
	http.listen(0, "127.0.0.1");
	await once(http, "listening");
	const url = `ws://127.0.0.1:${(http.address() as AddressInfo).port}/ws`;
	const peers: Peer[] = [];
	return {
		...context,
		fleet,
		server,
		url,
		connect(headers: Record<string, string> = {}) {
			const peer = createPeer(url, headers);
			peers.push(peer);
			return peer;
		},
		async [Symbol.asyncDispose]() {
			await server.stop();
			for (const peer of peers) peer.socket.terminate();
			http.close();
			http.closeAllConnections();
			await logs.stop();
			await rm(directory, { recursive: true, force: true });
		},
	};
}

export type RunningLink = Awaited<ReturnType<typeof startLink>>;

function createPlayedFleet() {
	const events: Event[] = [];
	const tokens = new Map<string, TokenRecord>();
	const workers = new Map<string, WorkerRecord>();
	const held = new Map<string, number>();
	const waiting = new Set<() => void>();
	let listener: ((effects: readonly Effect[], sequence: number) => void) | undefined;
	const note = (event: Event) => {
		events.push(event);
		for (const wake of waiting) wake();
	};
	const view = {
		token: (id: string) => tokens.get(id),
		workerRecord: (name: string) => (workers.has(name) ? { record: workers.get(name)!, held } : undefined),
	} as unknown as FleetView;
	const control: Control = {
		async ask(event) {
			const asked = event as Event;
			if (asked.type === "worker.enrol") {
				if (workers.has(asked.record.name)) throw new CoveyError("name_in_use", `the name ${asked.record.name} is taken`);
				workers.set(asked.record.name, asked.record);
				const token = asked.tokenId === undefined ? undefined : tokens.get(asked.tokenId);
				if (token?.usesLeft !== undefined) token.usesLeft--;
			}
			note(asked);
			return { ok: true };
		},
		tell: note,
		query: async (read) => read(view),
		sequence: 1,
		state: "ready",
		subscribe(given) {
			listener = given;
			return { [Symbol.dispose]: () => (listener = undefined) };
		},
	};
	return {
		control,
		events,
		tokens,
		workers,
		/** What every worker holds. */
		held,
		perform: (...effects: Effect[]) => listener?.(effects, 1),
		/** The first event of this type that `matches`, come or to come. */
		async event<T extends Event["type"]>(type: T, matches: (event: Extract<Event, { type: T }>) => boolean = () => true) {
			for (;;) {
				const found = events.find((event) => event.type === type && matches(event as Extract<Event, { type: T }>));
				if (found !== undefined) return found as Extract<Event, { type: T }>;
				await new Promise<void>((resolve) => {
					const wake = () => {
						waiting.delete(wake);
						resolve();
					};
					waiting.add(wake);
				});
			}
		},
		addToken(given: Partial<TokenRecord> & { readonly kind: TokenRecord["kind"] }) {
			const secret = createSecret();
			const id = `k${tokens.size + 1}`;
			const base = { roles: [], namespaces: [], label: id, createdAt: 0, createdBy: "test", tags: {}, revoked: false };
			tokens.set(id, { id, secretHash: hashSecret(secret), ...base, ...given });
			return { id, secret };
		},
	};
}

/** A client that says exactly what it is told to, and hears everything. */
export function createPeer(url: string, headers: Record<string, string>) {
	const socket = new WebSocket(url, { headers });
	const heard: V2ToWorkerMessage[] = [];
	const waiting = new Set<() => void>();
	let closed: { readonly code: number; readonly reason: string } | undefined;
	const wakeAll = () => {
		for (const wake of waiting) wake();
	};
	socket.on("message", (data) => {
		const message = JSON.parse(data.toString());
		heard.push(...(message.type === "batch" ? message.messages : [message]));
		wakeAll();
	});
	socket.on("error", () => {});
	socket.on("close", (code, reason) => {
		closed = { code, reason: reason.toString() };
		wakeAll();
	});
	const until = async <T>(look: () => T | undefined): Promise<T> => {
		for (;;) {
			const found = look();
			if (found !== undefined) return found;
			await new Promise<void>((resolve) => {
				const wake = () => {
					waiting.delete(wake);
					resolve();
				};
				waiting.add(wake);
			});
		}
	};
	return {
		socket,
		heard,
		opened: () => once(socket, "open"),
		send: (message: unknown) => socket.send(JSON.stringify(message)),
		sendRaw: (data: string | Uint8Array) => socket.send(data),
		/** The next message of this type, or any other shape of it; takes it. */
		async message<T extends string>(type: T): Promise<Extract<V2ToWorkerMessage, { type: T }> & Record<string, unknown>> {
			const index = await until(() => {
				const at = heard.findIndex((message) => message.type === type);
				return at >= 0 ? at : closed === undefined ? undefined : -1;
			});
			if (index < 0) throw new Error(`closed with ${closed?.code} ${closed?.reason} before ${type}`);
			return heard.splice(index, 1)[0] as never;
		},
		closed: () => until(() => closed),
	};
}
export type Peer = ReturnType<typeof createPeer>;

export const offer: WorkerOffer = {
	slots: 2,
	capabilities: ["run"],
	tags: {},
	os: "linux",
	arch: "x64",
	isolation: 0,
	version: "0.1.0",
	warm: [],
};

export function createKey() {
	const { privateKey, publicKey } = generateKeyPairSync("ed25519");
	return {
		publicKey: publicKey.export({ type: "spki", format: "der" }).toString("base64"),
		sign: (text: string) => sign(null, Buffer.from(text), privateKey).toString("base64"),
	};
}
export type Key = ReturnType<typeof createKey>;

export function helloOf(key: Key, name: string, tokenId?: string, protocol: [number, number] = [2, 2]) {
	return {
		type: "hello" as const,
		protocol,
		name,
		publicKey: key.publicKey,
		...(tokenId !== undefined && { tokenId }),
		nonce: "bm9uY2U=",
		instance: `instance-of-${name}`,
		version: "0.1.0",
	};
}

export function proofOf(
	key: Key,
	hello: ReturnType<typeof helloOf>,
	challenge: { readonly coordinator: string; readonly nonce: string; readonly protocol: number },
	tokenSecret?: string,
): V2FromWorkerMessage {
	const fields = {
		coordinator: challenge.coordinator,
		coordinatorNonce: challenge.nonce,
		workerNonce: hello.nonce,
		workerPublicKey: key.publicKey,
		workerName: hello.name,
		protocol: challenge.protocol,
	};
	const text = hello.tokenId === undefined ? linkText(fields) : enrolText(fields);
	return { type: "prove", signature: key.sign(text), ...(tokenSecret !== undefined && { tokenSecret }), offer };
}

/** A welcome worker whose key the fleet knows. */
export async function joinFleet(link: RunningLink, name = "w1", key = createKey()) {
	const identity = { kind: "key" as const, publicKey: key.publicKey };
	const record = { name, identity, enrolledAt: 0, namespaces: [], tags: {}, draining: false, revoked: false };
	if (!link.fleet.workers.has(name)) link.fleet.workers.set(name, record);
	const peer = link.connect();
	await peer.opened();
	const hello = helloOf(key, name);
	peer.send(hello);
	peer.send(proofOf(key, hello, await peer.message("challenge")));
	const welcome = await peer.message("welcome");
	return { peer, key, welcome, session: welcome.session, worker: name };
}

/** What the fleet says when it gives an attempt to a session. */
export function assignTo(
	session: string,
	worker: string,
	given: { task?: string; attempt?: number; payload?: object; timeoutMs?: number } = {},
): Effect {
	return {
		type: "assign",
		again: true,
		session,
		worker,
		message: {
			sequence: 1,
			task: given.task ?? task,
			attempt: given.attempt ?? 1,
			namespace: "default",
			taskType: "run",
			payload: (given.payload ?? { command: ["true"] }) as never,
			constraints: { tags: {}, capabilities: [], slots: 1, isolation: 0 },
			policies: {
				...(given.timeoutMs !== undefined && { timeoutMs: given.timeoutMs }),
				graceMs: 5000,
				retry: { limit: 0, outcomes: [], backoffMs: 0, backoffMaxMs: 0 },
				onWorkerLost: "requeue",
				fallback: "never",
				unmatched: "wait",
			},
			leaseTtlMs: 90_000,
		},
	};
}
