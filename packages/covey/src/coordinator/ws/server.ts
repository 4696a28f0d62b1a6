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
import { Sparse } from "#kit/sparse.ts";
import type { CoordinatorSideConnection } from "./connection.ts";
import { enrol } from "./enrolment.ts";
import { createGitAccess, type GitAccess } from "./git-access.ts";
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
	/**
	 * A WebSocket upgrade on `/ws`, after Host and Origin were checked.
	 * @param httpPort where packs and artifacts are, for those who came by a door that has none.
	 */
	handleUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer, httpPort?: number): void;
	/** The worker in this process. `instance`: as of any worker, new at each start. */
	acceptEmbedded(connection: CoordinatorSideConnection, worker: { readonly name: string; readonly instance: string }): void;
	/** What the credential in a v1 job's URL opens. */
	authorizeGit(credential: string): GitGrant | undefined;
	/** Closes all connections; workers go on and come back. */
	stop(): Promise<void>;
}

export function createLinkServer(options: LinkServerOptions): LinkServer {
	return new WorkersDoor(options);
}

/** A socket on which nobody has introduced themselves yet. */
interface Caller {
	readonly socket: WebSocket;
	readonly request: IncomingMessage;
	/** Whose token was shown on the upgrade. */
	readonly principal: Principal | undefined;
	readonly httpPort: number | undefined;
	/** To be called when it is settled who it is. */
	readonly onSettled: () => void;
}

class WorkersDoor implements LinkServer {
	readonly #options: LinkServerOptions;
	readonly #sessions: Sessions;
	readonly #sources = new Sources();
	readonly #refusals: Sparse;
	readonly #git: GitAccess;
	readonly #sockets = new WebSocketServer({ noServer: true, maxPayload: wireLimits.messageBytesMax, perMessageDeflate: false });
	readonly #effects: Disposable;
	readonly authorizeGit: GitAccess["authorize"];

	constructor(options: LinkServerOptions) {
		const { clock, control, logger, logs } = options;
		this.#options = options;
		this.#sessions = new Sessions(options);
		this.#refusals = new Sparse({ now: clock.now, everyMs: linkLimits.refusalLineMs, sourcesMax: linkLimits.unprovedMax });
		this.#git = createGitAccess(clock.now);
		this.authorizeGit = this.#git.authorize;
		this.#effects = control.subscribe((batch) => {
			this.#sessions.perform(batch);
			finishEnded(logs, batch, logger);
		});
	}

	handleUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer, httpPort?: number): void {
		socket.on("error", (error) => this.#options.logger.debug("an upgrade ended early", { error }));
		this.#upgrade(request, socket, head, httpPort).catch((error: unknown) => refuseUpgrade(socket, refusalOf(error)));
	}

	acceptEmbedded(connection: CoordinatorSideConnection, { name, instance }: { readonly name: string; readonly instance: string }): void {
		this.#begin(connection, "this process", () => {}, {
			introduced: { worker: name, session: randomUUID(), instance, protocol: linkVersions[1], namespaces: [] },
			enrol: () => enrol(this.#options, { name, identity: { kind: "embedded" }, namespaces: [] }),
		});
	}

	async stop(): Promise<void> {
		this.#effects[Symbol.dispose]();
		this.#sessions.closeAll(new CoveyError("unavailable", "the coordinator is stopping"));
		for (const socket of this.#sockets.clients) closeSocket(socket, 1001, "the coordinator is stopping");
		this.#sockets.close();
	}

	[Symbol.asyncDispose](): Promise<void> {
		return this.stop();
	}

	async #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer, httpPort: number | undefined): Promise<void> {
		const address = addressOf(request);
		const onSettled = this.#sources.enter(address);
		// Also of an upgrade that is none: the library refuses that by itself.
		socket.once("close", onSettled);
		const bearer = /^Bearer (.+)$/i.exec(request.headers.authorization ?? "")?.[1];
		const principal = bearer === undefined ? undefined : await this.#options.authenticator.authenticate(bearer, address);
		this.#sockets.handleUpgrade(request, socket, head, (webSocket) =>
			this.#accept({ socket: webSocket, request, principal, httpPort, onSettled }),
		);
	}

	/** Waits for the first message, which tells the version. */
	#accept(caller: Caller): void {
		const { socket, request, httpPort, onSettled } = caller;
		socket.on("error", (error) => this.#options.logger.debug("a worker's socket failed", { error }));
		const refuseSocket = (error: CoveyError) => {
			onSettled();
			closeSocket(socket, errorTable[error.code].close, error.message);
		};
		const timer = setTimeout(() => refuseSocket(new CoveyError("timeout", "the worker said nothing")), linkLimits.handshakeMs);
		socket.once("close", () => clearTimeout(timer));
		socket.once("message", (data: Buffer, binary) => {
			clearTimeout(timer);
			const first = V1FromWorker.safeParse(binary ? undefined : parseJson(data));
			try {
				if (first.success && first.data.type === "register") this.#acceptV1(caller, first.data);
				else this.#begin(createV2Connection(socket, data), addressOf(request), onSettled, undefined, httpPort);
			} catch (error) {
				refuseSocket(refusalOf(error));
			}
		});
	}

	/** @throws CoveyError when it names itself badly, or has shown no worker token. */
	#acceptV1({ socket, request, principal, httpPort, onSettled }: Caller, register: Extract<V1FromWorker, { type: "register" }>): void {
		const { admissions, clock } = this.#options;
		const name = nameOf(register);
		if (principal === undefined || !principal.roles.includes("worker")) {
			throw new CoveyError("unauthenticated", "a v1 worker shows a worker token as a bearer header: covey token create worker");
		}
		const connection = new V1Connection({ socket, register, git: this.#git, origin: originOf(request, httpPort), now: clock.now });
		const over = new CoveyError("unauthenticated", "the token of this worker was revoked or has expired");
		const close = () => connection.close(errorTable[over.code].close, over.message);
		socket.once("close", admissions.admit(principal, close));
		const { namespaces, tokenId } = principal;
		this.#begin(connection, addressOf(request), onSettled, {
			introduced: { worker: name, session: randomUUID(), instance: `v1-${name}-instance`, protocol: 1, namespaces },
			enrol: async () => {
				await enrol(this.#options, { name, identity: { kind: "token", tokenId }, namespaces });
				// One that was cut off in the middle of jobs gets until its first pong to be heard of them.
				const held = await this.#options.control.query((fleet) => fleet.workerRecord(name)?.held.size ?? 0);
				if (held === 0) connection.sync();
			},
		});
	}

	#begin(connection: CoordinatorSideConnection, source: string, onSettled: () => void, known?: KnownWorker, httpPort?: number): void {
		introduce({
			context: this.#options,
			connection,
			...(known !== undefined && { known }),
			createSession: (introduced) => this.#sessions.create(connection, { ...introduced, ...(httpPort !== undefined && { httpPort }) }),
			onRefused: (error, worker) => {
				const unsaid = this.#refusals.pass(source);
				if (unsaid === undefined) return;
				const more = unsaid > 0 && { unsaid };
				this.#options.logger.warn("a worker was refused", { source, worker, code: error.code, error, ...more });
			},
			onSettled,
		});
	}
}

/** @throws CoveyError `bad_request`. */
function nameOf({ worker_id }: Extract<V1FromWorker, { type: "register" }>): string {
	const name = WorkerName.safeParse(worker_id);
	if (name.success) return name.data;
	throw new CoveyError("bad_request", `worker_id ${JSON.stringify(worker_id)}: lower-case letters, digits, dots and dashes only`);
}

/** By which scheme, host and port the worker reached us; or the port where we have more to offer. */
function originOf(request: IncomingMessage, httpPort: number | undefined): URL {
	const secure = (request.socket as TLSSocket).encrypted === true;
	const url = new URL(`${secure ? "https" : "http"}://${request.headers.host ?? "localhost"}`);
	if (httpPort !== undefined) url.port = String(httpPort);
	return url;
}
