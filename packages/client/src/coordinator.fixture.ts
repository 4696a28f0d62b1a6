import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { encodeFrame, type FromClient, type OutputFrame, type TaskView, type ToClient } from "@covey/protocol";
import { type WebSocket, WebSocketServer } from "ws";

/** One connection of a client, as the test's coordinator sees it. */
export interface Connection {
	/** 1 for the first that was ever made. */
	readonly number: number;
	readonly request: IncomingMessage;
	send(message: ToClient): void;
	sendFrame(frame: Omit<OutputFrame, "length"> & { length?: number }): void;
	/** Cuts the wire without a goodbye. */
	drop(): void;
	close(code: number, reason: string): void;
}

export interface Script {
	readonly message?: (message: FromClient, connection: Connection) => void;
	readonly welcome?: ToClient;
	/** An HTTP status instead of a socket. */
	readonly refuse?: { readonly status: number; readonly body: object };
	readonly http?: (request: IncomingMessage, response: ServerResponse) => void;
}

const welcome: ToClient = { type: "welcome", protocol: [1, 1], version: "0.1.0", coordinator: "test" };

/** A real server on a real socket that speaks the protocol as the script says. */
export async function startCoordinator(
	script: Script,
): Promise<AsyncDisposable & { readonly url: string; readonly received: FromClient[] }> {
	const received: FromClient[] = [];
	const http = createServer((request, response) => script.http?.(request, response));
	const sockets = new WebSocketServer({
		noServer: true,
		handleProtocols: (offered) => (offered.has("covey.1") ? "covey.1" : false),
	});
	let connections = 0;
	http.on("upgrade", (request, socket, head) => {
		// The client may be gone before it has read our answer: nobody else listens to this socket.
		socket.on("error", () => {});
		if (script.refuse) {
			const body = JSON.stringify(script.refuse.body);
			socket.end(`HTTP/1.1 ${script.refuse.status} Refused\r\nconnection: close\r\ncontent-length: ${body.length}\r\n\r\n${body}`);
			return;
		}
		sockets.handleUpgrade(request, socket, head, (webSocket) => {
			const connection = connectionOf(webSocket, request, ++connections);
			webSocket.on("message", (data) => {
				const message = JSON.parse(String(data)) as FromClient;
				received.push(message);
				script.message?.(message, connection);
			});
			connection.send(script.welcome ?? welcome);
		});
	});
	http.listen(0, "127.0.0.1");
	await once(http, "listening");
	return {
		url: `http://127.0.0.1:${(http.address() as AddressInfo).port}`,
		received,
		async [Symbol.asyncDispose]() {
			for (const webSocket of sockets.clients) webSocket.terminate();
			http.closeAllConnections();
			http.close();
			await once(http, "close");
		},
	};
}

function connectionOf(webSocket: WebSocket, request: IncomingMessage, number: number): Connection {
	return {
		number,
		request,
		send: (message) => webSocket.send(JSON.stringify(message)),
		sendFrame: (frame) => webSocket.send(encodeFrame(frame)),
		drop: () => webSocket.terminate(),
		close: (code, reason) => webSocket.close(code, reason),
	};
}

export const taskId = "t_01h00000000000000000000000";

/** A task as the coordinator would tell it. */
export function taskView(fields: Partial<TaskView> = {}): TaskView {
	return {
		id: taskId,
		type: "run",
		namespace: "default",
		title: "make",
		status: "in_progress",
		submitter: "admin",
		priority: 0,
		createdAt: 1000,
		updatedAt: 1000,
		submission: {} as TaskView["submission"],
		asks: [],
		attempt: 1,
		attempts: [],
		cancelRequested: false,
		...fields,
	};
}

/** Output of the first attempt on stdout. */
export function outputFrame(channel: number, offset: number, text: string, attempt = 1): Omit<OutputFrame, "length"> {
	return { kind: "output", stream: "stdout", channel, attempt, offset, data: new TextEncoder().encode(text) };
}
