import type { V2FromWorkerMessage, V2ToWorkerMessage } from "@covey/protocol";

/**
 * One connection of a worker as the coordinator sees it: a WebSocket that speaks v2, a v1 one in translation, or the
 * embedded worker in this process. Ordered and reliable while it lasts. All calls are safe after it ended.
 */
export interface CoordinatorSideConnection {
	send(message: V2ToWorkerMessage): void;
	/** With a code of `errorTable`, or one of RFC 6455. What was sent before goes first. */
	close(code: number, reason: string): void;
	/** Sent and not yet handed to the system, in bytes. */
	readonly queuedBytes: number;
	/** Stops and restarts what comes in, where there is a network to push back on. */
	pause?(): void;
	resume?(): void;
	/** Each message and frame in order, then `end` once. What came before the call is given after it. */
	listen(listener: ConnectionListener): void;
}

export interface ConnectionListener {
	message(message: V2FromWorkerMessage): void;
	/** A binary frame as it came; not yet decoded. */
	frame(bytes: Uint8Array): void;
	end(cause: unknown): void;
}
