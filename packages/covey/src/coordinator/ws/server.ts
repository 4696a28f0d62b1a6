import { randomUUID } from "node:crypto";
import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import type { TLSSocket } from "node:tls";
import { CoveyError, errorTable, linkVersions, V1FromWorker, WorkerName, wireLimits } from "@covey/protocol";
import type WebSocket from "ws";
import { WebSocketServer } from "ws";
import type { Admissions } from "#coordinator/auth/admissions.ts";
import type { Authenticator } from "#coordinator/auth/authenticator.ts";
import type { Principal } from "#coordinator/auth/principal.ts";
import type { GitGrant } from "#coordinator/git/http.ts";
import { addressOf } from "#coordinator/http/door.ts";
import { refuseUpgrade } from "#coordinator/http/server.ts";
import { finishEnded } from "#coordinator/logs/finish-ended.ts";
import type { WorkerRecord } from "#core/worker.ts";
import { Sparse } from "#kit/sparse.ts";
import type { CoordinatorSideConnection } from "./connection.ts";
import { createGitAccess } from "./git-access.ts";
import { introduce, type KnownWorker } from "./introduction.ts";
import { linkLimits } from "./limits.ts";
import { refusalOf } from "./refusal.ts";
import type { LinkContext } from "./session.ts";
import { Sessions } from "./sessions.ts";
import { closeSocket, parseJson } from "./socket.ts";
import { Sources } from "./sources.ts";
import { V1Connection } from "./v1/v1-connection.ts";
import { createV2Connection } from "./v2-connection.ts";

export interface LinkServerOptions extends LinkContext {
	/** Knows the worker tokens that v1 workers show on the upgrade. */
	readonly authenticator: Pick<Authenticator, "authenticate">;
	readonly admissions: Pick<Admissions, "admit">;
}

/** The worker link's coordinator side: every worker of the fleet comes through here. */
export interface LinkServer extends AsyncDisposable {
	/** A WebSocket upgrade on `/ws`, after Host and Origin were checked. */
	handleUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void;
	/** The worker in this process. `instance`: as of any worker, new at each start. */
	acceptEmbedded(connection: CoordinatorSideConnection, worker: { readonly name: string; readonly instance: string }): void;
	/** What the credential in a v1 job's URL opens. */
	authorizeGit(credential: string): GitGrant | undefined;
	/** Closes all connections; workers go on and come back. */
	stop(): Promise<void>;
}

export function createLinkServer(options: LinkServerOptions): LinkServer {
	const { control, clock, logger, logs, authenticator, admissions } = options;
	const sessions = new Sessions(options);
	const sources = new Sources();
	const refusals = new Sparse({ now: clock.now, everyMs: linkLimits.refusalLineMs, sourcesMax: linkLimits.unprovedMax });
	const git = createGitAccess(clock.now);
	const sockets = new WebSocketServer({ noServer: true, maxPayload: wireLimits.messageBytesMax, perMessageDeflate: false });
	const effects = control.subscribe((batch) => {
		sessions.perform(batch);
		finishEnded(logs, batch, logger);
	});

	/** Waits for the first message, which tells the version. */
	function accept(socket: WebSocket, request: IncomingMessage, principal: Principal | undefined, onSettled: () => void): void {
		socket.on("error", (error) => logger.debug("a worker's socket failed", { error }));
		const timer = setTimeout(() => refuseSocket(new CoveyError("timeout", "the worker said nothing")), linkLimits.handshakeMs);
		const refuseSocket = (error: CoveyError) => {
			onSettled();
			closeSocket(socket, errorTable[error.code].close, error.message);
		};
		socket.once("close", () => clearTimeout(timer));
		socket.once("message", (data: Buffer, binary) => {
			clearTimeout(timer);
			const register = V1FromWorker.safeParse(binary ? undefined : parseJson(data));
			try {
				if (register.success && register.data.type === "register") {
					acceptV1({ socket, request, principal, register: register.data, onSettled });
				} else {
					begin(createV2Connection(socket, data), addressOf(request), onSettled);
				}
			} catch (error) {
				refuseSocket(refusalOf(error));
			}
		});
	}

	function acceptV1(door: {
		readonly socket: WebSocket;
		readonly request: IncomingMessage;
		readonly principal: Principal | undefined;
		readonly register: Extract<V1FromWorker, { type: "register" }>;
		readonly onSettled: () => void;
	}): void {
		const { socket, request, principal, register } = door;
		const name = WorkerName.safeParse(register.worker_id);
		if (!name.success) {
			throw new CoveyError(
				"bad_request",
				`worker_id ${JSON.stringify(register.worker_id)}: lower-case letters, digits, dots and dashes only`,
			);
		}
		if (principal === undefined || !principal.roles.includes("worker")) {
			throw new CoveyError("unauthenticated", "a v1 worker shows a worker token as a bearer header: covey token create worker");
		}
		const connection = new V1Connection({ socket, register, git, origin: originOf(request), now: clock.now });
		const over = new CoveyError("unauthenticated", "the token of this worker was revoked or has expired");
		socket.once(
			"close",
			admissions.admit(principal, () => connection.close(errorTable[over.code].close, over.message)),
		);
		const instance = `v1-${name.data}-instance`;
		const { namespaces, tokenId } = principal;
		begin(connection, addressOf(request), door.onSettled, {
			introduced: { worker: name.data, session: randomUUID(), instance, protocol: 1, namespaces },
			async enrol() {
				await enrol({ name: name.data, identity: { kind: "token", tokenId }, namespaces });
				// One that was cut off in the middle of jobs gets until its first pong to be heard of them.
				const held = await control.query((fleet) => fleet.workerRecord(name.data)?.held.size ?? 0);
				if (held === 0) connection.sync();
			},
		});
	}

	/** Unless the fleet knows the worker by this very identity, it is enrolled now, or refused. */
	async function enrol(worker: Pick<WorkerRecord, "name" | "identity" | "namespaces">): Promise<void> {
		const known = await control.query((fleet) => {
			const found = fleet.workerRecord(worker.name)?.record;
			return found && { identity: JSON.stringify(found.identity), revoked: found.revoked };
		});
		if (known?.revoked) throw new CoveyError("forbidden", `the worker ${worker.name} was revoked`, { hint: "use another name" });
		if (known?.identity === JSON.stringify(worker.identity)) return;
		const actor = { name: `worker:${worker.name}`, admin: false, namespaces: worker.namespaces };
		const record = { ...worker, enrolledAt: clock.now(), tags: {}, draining: false, revoked: false };
		await control.ask({ type: "worker.enrol", actor, record });
	}

	function begin(connection: CoordinatorSideConnection, source: string, onSettled: () => void, known?: KnownWorker): void {
		introduce({
			context: options,
			connection,
			...(known !== undefined && { known }),
			createSession: (introduced) => sessions.create(connection, introduced),
			onRefused(error, worker) {
				const unsaid = refusals.pass(source);
				if (unsaid !== undefined)
					logger.warn("a worker was refused", { source, worker, code: error.code, error, ...(unsaid > 0 && { unsaid }) });
			},
			onSettled,
		});
	}

	async function upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
		const address = addressOf(request);
		const onSettled = sources.enter(address);
		// Also of an upgrade that is none: the library refuses that by itself.
		socket.once("close", onSettled);
		const bearer = /^Bearer (.+)$/i.exec(request.headers.authorization ?? "")?.[1];
		const principal = bearer === undefined ? undefined : await authenticator.authenticate(bearer, address);
		sockets.handleUpgrade(request, socket, head, (webSocket) => accept(webSocket, request, principal, onSettled));
	}

	const stop = async () => {
		effects[Symbol.dispose]();
		sessions.closeAll(new CoveyError("unavailable", "the coordinator is stopping"));
		for (const socket of sockets.clients) closeSocket(socket, 1001, "the coordinator is stopping");
		sockets.close();
	};

	return {
		handleUpgrade(request, socket, head) {
			const failed = (error: unknown) => logger.debug("an upgrade ended early", { error });
			socket.on("error", failed);
			upgrade(request, socket, head).catch((error: unknown) => refuseUpgrade(socket, refusalOf(error)));
		},
		acceptEmbedded(connection, { name, instance }) {
			begin(connection, "this process", () => {}, {
				introduced: { worker: name, session: randomUUID(), instance, protocol: linkVersions[1], namespaces: [] },
				enrol: () => enrol({ name, identity: { kind: "embedded" }, namespaces: [] }),
			});
		},
		authorizeGit: git.authorize,
		stop,
		[Symbol.asyncDispose]: stop,
	};
}

/** By which scheme, host and port the worker reached us. */
function originOf(request: IncomingMessage): URL {
	const secure = (request.socket as TLSSocket).encrypted === true;
	return new URL(`${secure ? "https" : "http"}://${request.headers.host ?? "localhost"}`);
}
