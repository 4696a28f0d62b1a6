import type { OutputFrame, OutputStream } from "@covey/protocol/frames";
import type { Logs } from "./log.ts";

/** Only the bytes of a log, of one stream or both as they came; gaps are left out. For `text/plain` answers. */
export async function* bytesOnly(frames: AsyncIterable<OutputFrame>, stream?: OutputStream): AsyncGenerator<Uint8Array> {
	for await (const frame of frames) {
		if (frame.kind === "output" && (stream === undefined || frame.stream === stream)) yield frame.data;
	}
}

/** The offset at which the last `bytes` bytes of a log, as it is now, begin. */
export async function tailOffset(logs: Pick<Logs, "end">, task: string, attempt: number, bytes: number): Promise<number> {
	const { offset } = await logs.end(task, attempt);
	return Math.max(0, offset - bytes);
}
