import { CoveyError, errorTable, readToWorker, type V2FromWorkerMessage, type V2ToWorkerMessage } from "@covey/protocol";
import { refusalOfAnswer } from "@covey/protocol/answer";
import { wireLimits } from "@covey/protocol/limits";
import WebSocket from "ws";
import { readAnswerBody } from "#host/link/answer-body.ts";
import { createOutbox } from "#host/link/outbox.ts";
import { deferred } from "#kit/deferred.ts";
import type { LinkConnection, LinkTransport } from "#ports/link.ts";
import { type HeartbeatLimits, keepAlive } from "./heartbeat.ts";

type Listener = Parameters<LinkConnection["listen"]>[0];

export interface WebSocketTransportOptions {
	/** Base URL of the coordinator: http or https. */
	readonly url: string;
	/** An attempt to connect is given up after this time. */
	readonly connectTimeoutMs: number;
	readonly heartbeat: HeartbeatLimits;
}

/** How a worker reaches a coordinator over the network. */
export function createWebSocketTransport(options: WebSocketTransportOptions): LinkTransport {
	const url = options.url.replace(/\/+$/, "");
	return { url, trusted: false, connect: (signal) => connect(`${url.replace(/^http/, "ws")}/ws`, options, signal) };
}

function connect(url: string, options: WebSocketTransportOptions, signal: AbortSignal): Promise<LinkConnection> {
	return new Promise((resolve, reject) => {
		if (signal.aborted) return reject(signal.reason);
		const settings = {
			maxPayload: wireLimits.messageBytesMax,
			perMessageDeflate: false,
			handshakeTimeout: options.connectTimeoutMs,
			closeTimeout: 2000,
			// Masking keeps a web page's bytes from confusing proxies (RFC 6455 §10.3). Nothing here is a web page's:
			// a mask of zeros spares both sides a pass over every byte.
			generateMask: (mask: Buffer) => void mask.fill(0),
		};
		const socket = new WebSocket(url, settings);
		const abort = (): void => socket.terminate();
		const failed = (error: Error): void => {
			signal.removeEventListener("abort", abort);
			const told =
				error instanceof CoveyError ? error : new CoveyError("unavailable", `no coordinator answers at ${url}`, { cause: error });
			reject(signal.aborted ? signal.reason : told);
		};
		signal.addEventListener("abort", abort, { once: true });
		socket.on("error", failed);
		socket.once("unexpected-response", async (_request, response) => {
			const body = await readAnswerBody(response);
			socket.emit("error", refusalOfAnswer({ url, status: response.statusCode ?? 0, body }));
			socket.terminate();
		});
		socket.once("open", () => {
			signal.removeEventListener("abort", abort);
			socket.off("error", failed);
			resolve(connectionOf(socket, options.heartbeat));
		});
	});
}

function connectionOf(socket: WebSocket, heartbeat: HeartbeatLimits): LinkConnection {
	let listener: Listener | undefined;
	let ended: { readonly cause: unknown } | undefined;
	let cause: unknown;
	const waiting = new Set<{ readonly bytes: number; resolve(): void }>();
	const outbox = createOutbox<V2FromWorkerMessage>((data) => {
		if (socket.readyState === WebSocket.OPEN) socket.send(data, { binary: typeof data !== "string" }, release);
	});
	function release(): void {
		for (const waiter of waiting) {
			if (ended !== undefined || socket.bufferedAmount < waiter.bytes) {
				waiting.delete(waiter);
				waiter.resolve();
			}
		}
	}
	/** Once: whatever happened first is the cause. */
	function end(reason: unknown): void {
		if (ended !== undefined) return;
		ended = { cause: reason };
		release();
		listener?.end(reason);
	}
	function cut(reason: CoveyError): void {
		end(reason);
		socket.terminate();
	}
	socket.on("message", (data: Buffer, binary) => {
		if (ended !== undefined) return;
		const messages = binary ? undefined : decode(data);
		if (messages === undefined) return cut(new CoveyError("bad_request", "the coordinator sent a message that this worker cannot read"));
		for (const message of messages) listener?.message(message);
	});
	socket.on("error", (error) => (cause ??= error));
	socket.on("close", (code, reason) => end(cause ?? closeError(code, reason.toString())));
	keepAlive(socket, heartbeat, () => cut(new CoveyError("unavailable", "the coordinator has not answered a ping")));
	return {
		send: (message: V2FromWorkerMessage) => outbox.send(message),
		sendFrame: (frame) => outbox.sendFrame(frame),
		get queuedBytes() {
			return socket.bufferedAmount;
		},
		drained(bytes) {
			if (ended !== undefined || socket.bufferedAmount < bytes) return Promise.resolve();
			const { promise, resolve } = deferred();
			waiting.add({ bytes, resolve });
			return promise;
		},
		listen(given) {
			listener = given;
			if (ended !== undefined) given.end(ended.cause);
		},
		close() {
			outbox.flush();
			// What was sent still goes out; ws gives the other side its close timeout to answer.
			socket.close(1000);
			end(new CoveyError("unavailable", "the connection was closed by this worker"));
		},
	};
}

function decode(data: Buffer): readonly V2ToWorkerMessage[] | undefined {
	let value: unknown;
	try {
		value = JSON.parse(data.toString());
	} catch {
		return undefined;
	}
	return readToWorker(value);
}

/** A close code of the error table tells what the coordinator has against us. */
function closeError(code: number, reason: string): CoveyError {
	for (const [name, row] of Object.entries(errorTable)) {
		if (row.close === code)
			return new CoveyError(name as keyof typeof errorTable, reason === "" ? `the coordinator closed: ${name}` : reason);
	}
	return new CoveyError("unavailable", `the connection ended (${code}${reason === "" ? "" : `: ${reason}`})`);
}
