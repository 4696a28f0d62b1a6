import { wireLimits } from "@covey/protocol/limits";

/** Gathers the messages of one turn of the event loop into as few text frames as the limits allow. Order is kept. */
export interface Outbox<Message> {
	send(message: Message): void;
	/** A binary frame; everything sent before goes first. */
	sendFrame(frame: Uint8Array): void;
	/** Writes what waits, now. */
	flush(): void;
}

const head = '{"type":"batch","messages":[';

/** Either side of a worker link. */
export function createOutbox<Message>(write: (data: string | Uint8Array) => void): Outbox<Message> {
	let pending: string[] = [];
	let bytes = 0;
	function flush(): void {
		const [first] = pending;
		if (first === undefined) return;
		const text = pending.length === 1 ? first : `${head}${pending.join(",")}]}`;
		pending = [];
		bytes = 0;
		write(text);
	}
	return {
		send(message) {
			const text = JSON.stringify(message);
			const size = Buffer.byteLength(text) + 1;
			if (pending.length === wireLimits.batchMax || bytes + size + head.length + 2 > wireLimits.messageBytesMax) flush();
			if (pending.length === 0) queueMicrotask(flush);
			pending.push(text);
			bytes += size;
		},
		sendFrame(frame) {
			flush();
			write(frame);
		},
		flush,
	};
}
