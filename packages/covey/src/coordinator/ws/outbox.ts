import type { V2ToWorkerMessage } from "@covey/protocol";
import { wireLimits } from "@covey/protocol/limits";

/** Gathers the messages of one turn of the event loop, as of one batch of effects, into as few text frames as the limits allow. */
export interface Outbox {
	send(message: V2ToWorkerMessage): void;
	/** Writes what waits, now. */
	flush(): void;
}

const head = '{"type":"batch","messages":[';

export function createOutbox(write: (text: string) => void): Outbox {
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
		flush,
	};
}
