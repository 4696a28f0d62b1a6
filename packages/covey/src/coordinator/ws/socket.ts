import type WebSocket from "ws";
import { linkLimits } from "./limits.ts";

/** Ends a socket in order: the peer reads what was sent, and why. One that does not answer is cut off after a while. */
export function closeSocket(socket: WebSocket, code: number, reason: string): void {
	if (socket.readyState !== socket.OPEN) return;
	socket.close(code, fit(reason));
	const timer = setTimeout(() => socket.terminate(), linkLimits.handshakeMs);
	socket.once("close", () => clearTimeout(timer));
}

/** As much of the reason as a close frame holds, cut between characters. */
function fit(reason: string): string {
	let text = reason.slice(0, linkLimits.closeReasonBytesMax);
	while (Buffer.byteLength(text) > linkLimits.closeReasonBytesMax) text = text.slice(0, -1);
	return text;
}

/** The JSON in a text frame, or undefined. */
export function parseJson(data: Uint8Array): unknown {
	try {
		return JSON.parse(Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString("utf8"));
	} catch {
		return undefined;
	}
}
