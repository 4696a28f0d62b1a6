import { errorTable, readFromWorker, type V2ToWorkerMessage } from "@covey/protocol";
import type WebSocket from "ws";
import { createOutbox } from "#host/link/outbox.ts";
import type { ConnectionListener, CoordinatorSideConnection } from "./connection.ts";
import { closeSocket, parseJson } from "./socket.ts";

/** A WebSocket that speaks v2. `first`: the text frame that told so. */
export function createV2Connection(socket: WebSocket, first: Uint8Array): CoordinatorSideConnection {
	const outbox = createOutbox<V2ToWorkerMessage>((text) => {
		if (socket.readyState === socket.OPEN) socket.send(text);
	});
	let listener: ConnectionListener | undefined;
	let closed = false;

	const close = (code: number, reason: string) => {
		outbox.flush();
		closed = true;
		closeSocket(socket, code, reason);
	};

	const receive = (data: Uint8Array, binary: boolean) => {
		if (closed) return;
		if (binary) {
			listener?.frame(data);
			return;
		}
		const messages = readFromWorker(parseJson(data));
		if (messages === undefined) {
			close(errorTable.bad_request.close, "a message that is not one of link version 2");
			return;
		}
		for (const message of messages) if (!closed) listener?.message(message);
	};

	return {
		send: (message) => outbox.send(message),
		close,
		get queuedBytes() {
			return socket.bufferedAmount;
		},
		pause: () => socket.pause(),
		resume: () => socket.resume(),
		listen(given) {
			listener = given;
			socket.on("close", (code, reason) => given.end(new Error(`closed with ${code} ${reason.toString()}`)));
			socket.on("message", (data: Buffer, binary) => receive(data, binary));
			receive(first, false);
		},
	};
}
