import type { OutputStream } from "@covey/protocol";
import { payloadBytesMax } from "./record.ts";

/** Gathers what a job writes into pieces of at most one frame. */
export interface Gather {
	/** Bytes that wait. */
	readonly bytes: number;
	add(stream: OutputStream, data: Uint8Array): void;
	flush(): void;
}

/** Within a burst of writes, how long a piece that is not full waits for more. */
const burstMs = 2;

/**
 * The first write after a pause goes out at the end of this turn of the event loop; those that follow closely are
 * gathered for `burstMs`, so that a job that writes line by line costs one frame per burst and not one per line.
 */
export function createGather(emit: (stream: OutputStream, chunks: readonly Uint8Array[], bytes: number) => void): Gather {
	let chunks: Uint8Array[] = [];
	let bytes = 0;
	let current: OutputStream = "stdout";
	let flushedAt = Number.NEGATIVE_INFINITY;
	let timer: NodeJS.Timeout | undefined;
	let immediate: NodeJS.Immediate | undefined;

	function flush(): void {
		clearTimeout(timer);
		clearImmediate(immediate);
		timer = immediate = undefined;
		if (bytes === 0) return;
		flushedAt = performance.now();
		const [given, size] = [chunks, bytes];
		chunks = [];
		bytes = 0;
		emit(current, given, size);
	}
	function flushLater(): void {
		if (timer !== undefined || immediate !== undefined) return;
		if (performance.now() - flushedAt < burstMs) timer = setTimeout(flush, burstMs);
		else immediate = setImmediate(flush);
	}
	return {
		get bytes() {
			return bytes;
		},
		add(stream, data) {
			if (stream !== current) flush();
			current = stream;
			for (let rest = data; rest.length > 0; ) {
				const part = rest.subarray(0, payloadBytesMax - bytes);
				rest = rest.subarray(part.length);
				chunks.push(part);
				bytes += part.length;
				if (bytes === payloadBytesMax) flush();
			}
			if (bytes > 0) flushLater();
		},
		flush,
	};
}
