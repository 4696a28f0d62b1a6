import type { IncomingMessage } from "node:http";
import type { Dial, WebSocketLike } from "@covey/client";
import type { WireError } from "@covey/protocol/errors";
import { CoveyError, type ErrorCode, errorTable } from "@covey/protocol/errors";
import { wireLimits } from "@covey/protocol/limits";
import { WebSocket } from "ws";

/** Whoever does not answer our goodbye is waited for only so long. */
const options = { perMessageDeflate: false, maxPayload: 4 * wireLimits.messageBytesMax, closeTimeout: 500 };

/** Node's dialler: shows the token in a header, and tells in the coordinator's own words why an upgrade was refused. */
export const dial: Dial = (url, { headers }) => {
	const socket = new WebSocket(url, { ...options, headers });
	socket.on("unexpected-response", async (_request, response) => {
		const error = await explainRefusal(response);
		socket.emit("error", error);
		socket.terminate();
	});
	return socket as unknown as WebSocketLike;
};

async function explainRefusal(response: IncomingMessage): Promise<CoveyError> {
	const chunks: Buffer[] = [];
	try {
		for await (const chunk of response) chunks.push(chunk as Buffer);
		const body = JSON.parse(Buffer.concat(chunks).toString("utf8")) as { error?: WireError } & Partial<WireError>;
		const error = body.error ?? body;
		if (error.code !== undefined && error.code in errorTable) return CoveyError.from(error as WireError);
	} catch {
		// No body of ours: the status is all there is.
	}
	const status = response.statusCode ?? 0;
	const code = (Object.keys(errorTable) as ErrorCode[]).find((name) => errorTable[name].http === status);
	return new CoveyError(code ?? "version_mismatch", `the coordinator answered ${status} where a socket was asked for`);
}
