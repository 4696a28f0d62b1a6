import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { CoveyError, errorTable, socketLimits } from "@covey/protocol";
import { type WebSocket, WebSocketServer } from "ws";
import type { Admissions } from "#coordinator/auth/admissions.ts";
import type { Authenticator } from "#coordinator/auth/authenticator.ts";
import { requireRole } from "#coordinator/auth/principal.ts";
import { addressOf, bearerOf } from "#coordinator/http/door.ts";
import { socketBounds } from "#coordinator/limits.ts";
import { Client, type ClientOptions } from "./client.ts";

export const socketPath = "/api/v1/socket";
/** What a browser offers as subprotocols, since it can set no header: this one, and its token behind the prefix. */
const subprotocol = "covey.1";
const tokenPrefix = "covey.token.";

export interface ClientSocketOptions extends Omit<ClientOptions, "webSocket" | "socket" | "principal"> {
	readonly authenticator: Authenticator;
	readonly admissions: Pick<Admissions, "admit">;
}

/** The client socket's door. The guard was passed before. */
export interface ClientSocket {
	/** Clients connected now. */
	readonly size: number;
	/** @throws CoveyError when the upgrade is to be refused as HTTP. */
	upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void>;
	/** Tells every client that the coordinator goes, and waits until they are gone. */
	stop(): Promise<void>;
}

export function createClientSocket(options: ClientSocketOptions): ClientSocket {
	const server = new WebSocketServer({
		noServer: true,
		maxPayload: socketLimits.messageBytesMax,
		perMessageDeflate: false,
		handleProtocols: (offered) => (offered.has(subprotocol) ? subprotocol : false),
	});
	const pings = setInterval(() => pingAll(server.clients), socketBounds.pingMs);
	pings.unref();

	return {
		get size() {
			return server.clients.size;
		},
		async upgrade(request, socket, head) {
			const offered = (request.headers["sec-websocket-protocol"] ?? "").split(",").map((name) => name.trim());
			const token = bearerOf(request) ?? offered.find((name) => name.startsWith(tokenPrefix))?.slice(tokenPrefix.length);
			if (server.clients.size >= socketBounds.connectionsMax) {
				throw new CoveyError("too_many", `${server.clients.size} clients are connected`, { retryAfterMs: 1000 });
			}
			let refusal: CoveyError | undefined;
			const principal = await authenticate(options.authenticator, token, request).catch((error: unknown) => {
				// A browser's script sees the code of a close, but never the status of a refused upgrade.
				if (!offered.includes(subprotocol) || !(error instanceof CoveyError)) throw error;
				refusal = error;
				return undefined;
			});
			server.handleUpgrade(request, socket, head, (webSocket) => {
				webSocket.on("error", () => webSocket.terminate());
				webSocket.on("pong", () => alive.add(webSocket));
				alive.add(webSocket);
				if (!principal) return dismiss(webSocket, refusal!);
				const over = new CoveyError("unauthenticated", "the token of this connection was revoked or has expired");
				webSocket.once(
					"close",
					options.admissions.admit(principal, () => dismiss(webSocket, over)),
				);
				new Client({ ...options, webSocket, socket, principal });
			});
		},

		async stop() {
			clearInterval(pings);
			const closed = [...server.clients].map((webSocket) => new Promise((resolve) => webSocket.once("close", resolve)));
			for (const webSocket of server.clients) webSocket.close(1001, "the coordinator is stopping");
			const timer = setTimeout(() => {
				for (const webSocket of server.clients) webSocket.terminate();
			}, socketBounds.closeMs);
			await Promise.all(closed);
			clearTimeout(timer);
			server.close();
		},
	};
}

/** Clients that answered the last ping, or came after it. */
const alive = new WeakSet<WebSocket>();

function pingAll(clients: Iterable<WebSocket>): void {
	for (const webSocket of clients) {
		if (!alive.delete(webSocket)) webSocket.terminate();
		else webSocket.ping();
	}
}

/** Until it is gone it holds the place of a client with a token, so it does not get long. */
function dismiss(webSocket: WebSocket, { code, message }: CoveyError): void {
	webSocket.close(errorTable[code].close, message);
	const timer = setTimeout(() => webSocket.terminate(), socketBounds.closeMs);
	webSocket.once("close", () => clearTimeout(timer));
}

async function authenticate(authenticator: Authenticator, token: string | undefined, request: IncomingMessage) {
	const principal = await authenticator.authenticate(token, addressOf(request));
	requireRole(principal, ["read", "submit"]);
	return principal;
}
