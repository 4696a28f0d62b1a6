import type WebSocket from "ws";

export interface HeartbeatLimits {
	readonly pingMs: number;
	readonly pongMs: number;
}

/**
 * Pings while nothing else is heard, and calls `dead` once when neither an answer comes nor the system takes any
 * more of what waits to be written: a slow link is not a dead one. Ends with the socket.
 */
export function keepAlive(socket: WebSocket, limits: HeartbeatLimits, dead: () => void): void {
	let heard = true;
	let queued = 0;
	let timer: NodeJS.Timeout;
	const hear = (): void => void (heard = true);
	const again = (ms: number, next: () => void): void => void (timer = setTimeout(next, ms));
	function rest(): void {
		if (heard) {
			heard = false;
			again(limits.pingMs, rest);
			return;
		}
		queued = socket.bufferedAmount;
		socket.ping();
		// After a pause of this whole process the answer may be waiting in the socket: look there first.
		again(limits.pongMs, () => void setImmediate(judge));
	}
	function judge(): void {
		if (socket.readyState !== socket.OPEN) return;
		if (heard || socket.bufferedAmount < queued) rest();
		else dead();
	}
	socket.on("message", hear);
	socket.on("pong", hear);
	socket.on("ping", hear);
	socket.once("close", () => clearTimeout(timer));
	rest();
}
