import type { Duplex } from "node:stream";
import { encodeFrame, frameHeaderBytes, type OutputFrame, type ToClient, writeFrameHeader } from "@covey/protocol";
import type WebSocket from "ws";
import { socketBounds } from "#coordinator/limits.ts";
import { webSocketHead } from "./web-socket-head.ts";

/** From this size on a payload is sent as it lies in memory, behind its header. */
const copyBytesMax = 8 * 1024;

/** What goes out to one client: all messages of one tick in one write, and no more than a bounded backlog. */
export class Outlet {
	readonly #webSocket: WebSocket;
	readonly #socket: Duplex;
	#corked = false;
	#waiting: (() => void)[] = [];

	constructor(webSocket: WebSocket, socket: Duplex) {
		this.#webSocket = webSocket;
		this.#socket = socket;
		socket.on("drain", () => this.#wake());
		webSocket.once("close", () => this.#wake());
	}

	/** True when the client does not even read the answers to its own calls. */
	get overflown(): boolean {
		return this.#webSocket.bufferedAmount > socketBounds.backlogBytesMax;
	}

	/** Output should wait for `drained`. */
	get full(): boolean {
		return this.#webSocket.bufferedAmount > socketBounds.outputBacklogBytes;
	}

	send(message: ToClient): void {
		this.sendText(JSON.stringify(message));
	}

	sendText(text: string): void {
		if (this.#webSocket.readyState !== this.#webSocket.OPEN) return;
		this.#cork();
		this.#webSocket.send(text);
	}

	/** The frame under `channel`. The payload is not changed, and is copied only when that is cheaper than not to. */
	sendFrame(channel: number, frame: OutputFrame): void {
		if (this.#webSocket.readyState !== this.#webSocket.OPEN) return;
		this.#cork();
		if (frame.kind === "gap" || frame.data.length < copyBytesMax) {
			this.#webSocket.send(encodeFrame({ ...frame, channel }), { binary: true });
			return;
		}
		const { head, roomAt } = webSocketHead(frameHeaderBytes + frame.data.length, frameHeaderBytes);
		writeFrameHeader(new DataView(head.buffer, head.byteOffset, head.byteLength), roomAt, { ...frame, channel });
		this.#socket.write(head);
		this.#socket.write(frame.data);
	}

	/** Resolves when the client has read enough for more output, or is gone. */
	async drained(): Promise<void> {
		while (this.#webSocket.readyState === this.#webSocket.OPEN && this.full) {
			await new Promise<void>((resolve) => this.#waiting.push(resolve));
		}
	}

	#cork(): void {
		if (this.#corked) return;
		this.#corked = true;
		this.#socket.cork();
		process.nextTick(() => {
			this.#corked = false;
			this.#socket.uncork();
		});
	}

	#wake(): void {
		const waiting = this.#waiting;
		this.#waiting = [];
		for (const resolve of waiting) resolve();
	}
}
