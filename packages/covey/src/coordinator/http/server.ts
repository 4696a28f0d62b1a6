import { createServer, type IncomingMessage, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import { CoveyError, errorTable } from "@covey/protocol";
import { httpLimits } from "#coordinator/limits.ts";

export type UpgradeListener = (request: IncomingMessage, socket: Duplex, head: Buffer) => void;

/**
 * A Node server with every limit set. `requestTimeout` is off, since it would end long uploads: bodies have idle
 * timers instead (`body.ts`).
 */
export function createHttpServer(listener: RequestListener): Server {
	const server = createServer({ maxHeaderSize: httpLimits.headerBytesMax, requireHostHeader: false, noDelay: true }, listener);
	server.headersTimeout = httpLimits.headersTimeoutMs;
	server.requestTimeout = 0;
	server.keepAliveTimeout = httpLimits.keepAliveTimeoutMs;
	server.maxConnections = httpLimits.connectionsMax;
	server.on("clientError", (error: NodeJS.ErrnoException, socket) => {
		if (error.code === "ECONNRESET" || !socket.writable) return socket.destroy();
		const status = error.code === "HPE_HEADER_OVERFLOW" ? "431 Request Header Fields Too Large" : "400 Bad Request";
		const body = JSON.stringify(new CoveyError("bad_request", "the request is not HTTP that this server reads").toWire());
		endSocket(
			socket,
			`HTTP/1.1 ${status}\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
		);
	});
	return server;
}

/** @returns the port it got. @throws CoveyError `conflict` when the port is taken, `unavailable` when the address is not this machine's. */
export function listen(server: Server, host: string, port: number): Promise<number> {
	return new Promise((resolve, reject) => {
		const refuse = (cause: NodeJS.ErrnoException) => reject(explain(cause, host, port));
		server.once("error", refuse);
		server.listen({ host, port, ipv6Only: host.includes(":") }, () => {
			server.off("error", refuse);
			resolve((server.address() as AddressInfo).port);
		});
	});
}

/** Answers an upgrade that is refused, as HTTP. */
export function refuseUpgrade(socket: Duplex, error: CoveyError): void {
	const body = JSON.stringify(error.toWire());
	const retry = error.retryAfterMs === undefined ? "" : `retry-after: ${Math.max(1, Math.ceil(error.retryAfterMs / 1000))}\r\n`;
	endSocket(
		socket,
		`HTTP/1.1 ${errorTable[error.code].http} Refused\r\nconnection: close\r\n${retry}content-type: application/json; charset=utf-8\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
	);
}

/** Says a last thing and lets go, also of a peer that never closes its side: nothing else would end this socket any more. */
function endSocket(socket: Duplex, text: string): void {
	const timer = setTimeout(() => socket.destroy(), httpLimits.goodbyeMs);
	socket.once("close", () => clearTimeout(timer));
	socket.end(text);
	// What it still sends is read and forgotten: closing over unread bytes would take the answer away from it.
	socket.resume();
}

function explain(cause: NodeJS.ErrnoException, host: string, port: number): Error {
	if (cause.code === "EADDRINUSE") {
		return new CoveyError("conflict", `port ${port} of ${host} is taken by another program`, {
			cause,
			hint: "covey up --port N takes another one; 0 picks one",
		});
	}
	if (cause.code === "EADDRNOTAVAIL" || cause.code === "EAFNOSUPPORT") {
		return new CoveyError("unavailable", `${host} is no address of this machine`, {
			cause,
			hint: "covey up --host and coordinator.listen take addresses that this machine has",
		});
	}
	if (cause.code === "EACCES")
		return new CoveyError("forbidden", `port ${port} needs more rights than this user has`, { cause, hint: "take a port above 1023" });
	return cause;
}
