import { write, writev } from "node:fs";
import type { OutputStream } from "@covey/protocol/frames";

/** Nobody reads a stream any more: EPIPE, or the terminal is gone. */
export class ReaderGone extends Error {
	override readonly name = "ReaderGone";
}

/** Output that may wait here for a slow reader, in bytes. */
const waitingBytesMax = 1024 * 1024;
const fileDescriptors: Readonly<Record<OutputStream, number>> = { stdout: 1, stderr: 2 };

/**
 * Writes a job's output to this process's own stdout and stderr, byte for byte and in order.
 *
 * It does not use `process.stdout`: writing to a pipe there blocks the whole process while the reader is slow, and a
 * blocked process answers neither Ctrl-C nor the coordinator.
 */
export class OutputWriter {
	#waiting: { readonly stream: OutputStream; readonly data: Uint8Array }[] = [];
	#waitingBytes = 0;
	#busy: Promise<void> | undefined;
	readonly #failed = new AbortController();

	/** Aborts, with ReaderGone or the system's error, as soon as a write fails: who waits for more output need not. */
	get failed(): AbortSignal {
		return this.#failed.signal;
	}

	/** Resolves when more may come; what was given is written in any case, or `flush` throws. @throws ReaderGone */
	async write(stream: OutputStream, data: Uint8Array): Promise<void> {
		this.failed.throwIfAborted();
		this.#waiting.push({ stream, data });
		this.#waitingBytes += data.length;
		this.#busy ??= this.#drain();
		while (this.#waitingBytes > waitingBytesMax && this.#busy !== undefined) await this.#busy;
		this.failed.throwIfAborted();
	}

	/** Resolves when all is written. @throws ReaderGone */
	async flush(): Promise<void> {
		while (this.#busy) await this.#busy;
		this.failed.throwIfAborted();
	}

	/** Never rejects: `failed` tells. */
	async #drain(): Promise<void> {
		try {
			while (this.#waiting.length > 0) await this.#writeSome();
		} catch (error) {
			const { code } = error as NodeJS.ErrnoException;
			const gone = code === "EPIPE" || code === "EIO";
			this.#waiting = [];
			this.#failed.abort(gone ? new ReaderGone(`the output's reader is gone (${code})`, { cause: error }) : error);
		} finally {
			this.#busy = undefined;
		}
	}

	/** The longest stretch of one stream that waits, in one call. */
	async #writeSome(): Promise<void> {
		const { stream } = this.#waiting[0] as { stream: OutputStream };
		const end = this.#waiting.findIndex((piece) => piece.stream !== stream);
		const pieces = this.#waiting.splice(0, end < 0 ? Math.min(this.#waiting.length, 512) : Math.min(end, 512)).map((piece) => piece.data);
		this.#waitingBytes -= pieces.reduce((sum, piece) => sum + piece.length, 0);
		await writeAll(fileDescriptors[stream], pieces);
	}
}

async function writeAll(fileDescriptor: number, pieces: Uint8Array[]): Promise<void> {
	let written = await writeOnce(fileDescriptor, pieces);
	while (pieces.length > 0) {
		const [first] = pieces as [Uint8Array];
		if (written >= first.length) {
			written -= first.length;
			pieces.shift();
			continue;
		}
		pieces[0] = first.subarray(written);
		written = await writeOnce(fileDescriptor, pieces);
	}
}

/** @returns bytes written; 0 after a wait when a non-blocking pipe is full. */
function writeOnce(fileDescriptor: number, pieces: readonly Uint8Array[]): Promise<number> {
	return new Promise((resolve, reject) => {
		const done = (error: NodeJS.ErrnoException | null, written: number) => {
			if (error?.code === "EAGAIN") setTimeout(() => resolve(0), 5);
			else if (error) reject(error);
			else resolve(written);
		};
		if (pieces.length === 1) write(fileDescriptor, pieces[0] as Uint8Array, done);
		else writev(fileDescriptor, pieces, done);
	});
}
