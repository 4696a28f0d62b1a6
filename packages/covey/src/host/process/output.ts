import type { Readable } from "node:stream";
import { setTimeout as delay } from "node:timers/promises";
import { Pace, restMs } from "./pace.ts";

export type OutputStream = "stdout" | "stderr";

/** Takes the bytes over. Reading waits for it: that is the back-pressure that reaches the process. */
export type OutputSink = (stream: OutputStream, data: Buffer) => Promise<void> | void;

/**
 * Moves what a process writes to a sink, as it was written: no lines, no decoding, so nothing can be too long or invalid.
 * Open until both streams have ended, which is when the *last* holder of the pipe has closed it, or until it is closed.
 */
export interface OutputPump {
	readonly bytes: number;
	/** Monotonic time of the last sign of life. While the sink holds us up, that is now: blocked is not silent. */
	readonly activeAt: number;
	/** Never rejects. */
	readonly ended: Promise<void>;
	/** What the sink threw, if it did; nothing is handed to it after that. */
	readonly error: unknown;
	/** Stops reading. What is in the pipe is lost. */
	close(): void;
}

export function pumpOutput(stdout: Readable, stderr: Readable, sink: OutputSink, onError: () => void): OutputPump {
	let bytes = 0;
	let waiting = 0;
	let activeAt = performance.now();
	let failure: unknown;
	let failed = false;

	async function pump(name: OutputStream, stream: Readable): Promise<void> {
		const pace = new Pace();
		try {
			for await (const data of stream as AsyncIterable<Buffer>) {
				bytes += data.length;
				activeAt = performance.now();
				// After a failed sink we go on reading, so that the process is not held up on its way out.
				if (failed) continue;
				waiting++;
				try {
					await sink(name, data);
				} catch (error) {
					failed = true;
					failure = error;
					onError();
				}
				waiting--;
				activeAt = performance.now();
				if (pace.rests(data.length, activeAt)) await delay(restMs);
			}
		} catch {
			// The stream was closed, by us or by a reset: what came before it was delivered.
		}
	}

	const ended = Promise.all([pump("stdout", stdout), pump("stderr", stderr)]).then(() => {});
	return {
		ended,
		get bytes() {
			return bytes;
		},
		get activeAt() {
			return waiting > 0 ? performance.now() : activeAt;
		},
		get error() {
			return failure;
		},
		close() {
			stdout.destroy();
			stderr.destroy();
		},
	};
}
