import type { Dial, WebSocketLike } from "@covey/client";
import { refusalOfAnswer } from "@covey/protocol/answer";
import { wireLimits } from "@covey/protocol/limits";
import { WebSocket } from "ws";
import { readAnswerBody } from "#host/link/answer-body.ts";

/** Whoever does not answer our goodbye is waited for only so long. */
const options = { perMessageDeflate: false, maxPayload: 4 * wireLimits.messageBytesMax, closeTimeout: 500 };

/** Node's dialler: shows the token in a header, and tells in the coordinator's own words why an upgrade was refused. */
export const dial: Dial = (url, { headers }) => {
	const socket = new WebSocket(url, { ...options, headers });
	prepareForMuch(socket);
	socket.on("unexpected-response", async (_request, response) => {
		const body = await readAnswerBody(response);
		socket.emit("error", refusalOfAnswer({ url, status: response.statusCode ?? 0, body }));
		socket.terminate();
	});
	return socket as unknown as WebSocketLike;
};

/** Most commands hear little, and need not load what only those want that do not. */
const muchBytes = 2 * 1024 * 1024;

function prepareForMuch(socket: WebSocket): void {
	let bytes = 0;
	const count = (data: Buffer): void => {
		bytes += data.length;
		if (bytes < muchBytes) return;
		socket.off("message", count);
		void import("#host/memory/buffers.ts").then(({ collectBuffersCheaply }) => collectBuffersCheaply());
	};
	socket.on("message", count);
}
