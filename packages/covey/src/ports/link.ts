import type { V2FromWorkerMessage, V2ToWorkerMessage } from "@covey/protocol";

/** How a worker reaches its coordinator: a WebSocket, or the same process. */
export interface LinkTransport {
	/** One connection, opened but not yet introduced. @throws CoveyError `unavailable`, `unauthenticated`, `version_mismatch`. */
	connect(signal: AbortSignal): Promise<LinkConnection>;
	/** Base URL for packs and artifacts. */
	readonly url: string;
	/** In the same process: no proof is asked for, the coordinator sends `welcome` at once. */
	readonly trusted: boolean;
}

/** Ordered and reliable while it lasts; may end at any moment. All calls are safe after it ended. */
export interface LinkConnection {
	send(message: V2FromWorkerMessage): void;
	/** An encoded frame. Taken over. */
	sendFrame(frame: Uint8Array): void;
	/** Bytes accepted by `send…` and not yet handed to the system. */
	readonly queuedBytes: number;
	/** Resolves when `queuedBytes` falls below `bytes`, or the connection ended. */
	drained(bytes: number): Promise<void>;
	/** Calls back for each message, in order, and once with the end. Set before anything arrives. */
	listen(listener: { message(message: V2ToWorkerMessage): void; end(cause: unknown): void }): void;
	close(): void;
}
