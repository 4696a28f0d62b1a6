import { type FileHandle, mkdir, open } from "node:fs/promises";
import { join } from "node:path";
import type { OutputFrame } from "@covey/protocol/frames";
import type { Logger } from "#kit/logger.ts";
import { logLimits } from "./limits.ts";
import type { AttemptLog } from "./log.ts";
import { segmentName } from "./paths.ts";
import { type Entry, Recent } from "./recent.ts";
import { encodeRecord, recordBytes } from "./record.ts";
import type { Segment } from "./segment.ts";
import { gapFrame, sliceFrame } from "./slice.ts";

/**
 * The writer of one attempt's log, and what readers that keep up read from memory.
 *
 * A frame is appended to `recent`, then written with its neighbours in one call, then evicted: at once when nobody
 * follows. Frames over the cap, and those of a failed write, are only counted: `end` moves on without them, and a
 * reader that finds neither memory nor file at its offset reports the gap.
 */
export class OpenLog implements AttemptLog {
	readonly directory: string;
	readonly attempt: number;
	readonly segments: Segment[];
	readonly recent = new Recent();
	end: number;
	finished = false;

	#followers = 0;
	#queued = 0;
	#directoryMade = false;
	#stored: number;
	readonly #bytesMax: number;
	/** Number in `recent` of the first entry not yet written. */
	#unwritten = 0;
	#draining: Promise<void> | undefined;
	#file: { readonly segment: Segment; readonly handle: FileHandle } | undefined;
	readonly #waiters = new Set<() => void>();
	readonly #logger: Logger;

	constructor(options: {
		readonly directory: string;
		readonly attempt: number;
		readonly segments: readonly Segment[];
		readonly end: number;
		/** Bytes on disk already. */
		readonly stored: number;
		readonly bytesMax: number;
		readonly logger: Logger;
	}) {
		this.directory = options.directory;
		this.attempt = options.attempt;
		this.segments = [...options.segments];
		this.end = options.end;
		this.#stored = options.stored;
		this.#bytesMax = options.bytesMax;
		this.#logger = options.logger;
	}

	get written(): number {
		return this.recent.at(this.#unwritten)?.frame.offset ?? this.end;
	}

	/** Bytes in memory that are not evictable yet; evictable ones are bounded by `recentBytesMax`. */
	get queuedBytes(): number {
		return this.#queued;
	}

	append(frame: OutputFrame): void {
		const after = frame.offset + frame.length;
		if (this.finished || after <= this.end || after > Number.MAX_SAFE_INTEGER) return;
		if (frame.offset > this.end) this.#push(gapFrame(this.attempt, this.end, frame.offset - this.end));
		this.#push(sliceFrame(frame, this.end));
		this.#draining ??= this.#drain();
		this.#wake();
	}

	async flush(): Promise<number> {
		const end = this.recent.next;
		while (this.#unwritten < end) await this.#draining;
		return this.written;
	}

	/** No more frames are taken; followers end when they have read all. */
	finish(): void {
		this.finished = true;
		this.#wake();
	}

	/** After `finish`: everything written is on the disk itself, and the file is closed. */
	async close(): Promise<void> {
		await this.flush();
		await this.#draining;
		const file = this.#file;
		this.#file = undefined;
		if (file === undefined) return;
		await file.handle.datasync().catch((error: unknown) => this.#logger.warn("a log could not be synced", { error }));
		await file.handle.close();
	}

	/** While somebody follows, recent frames stay in memory. */
	follow(): Disposable {
		this.#followers++;
		return {
			[Symbol.dispose]: () => {
				this.#followers--;
				this.#evict();
			},
		};
	}

	/** Resolves at the next append or at the finish, and when `signal` aborts. */
	changed(signal: AbortSignal): Promise<void> {
		return new Promise((resolve) => {
			const wake = () => {
				signal.removeEventListener("abort", wake);
				this.#waiters.delete(wake);
				resolve();
			};
			this.#waiters.add(wake);
			signal.addEventListener("abort", wake);
			if (signal.aborted) wake();
		});
	}

	#wake(): void {
		for (const wake of this.#waiters) wake();
	}

	#push(frame: OutputFrame): void {
		this.end = frame.offset + frame.length;
		const bytes = recordBytes(frame);
		this.#stored += bytes;
		if (this.#stored > this.#bytesMax) return;
		const segment = this.#segmentFor(frame.offset, bytes);
		this.recent.push({ frame: detach(frame), segment, position: segment.bytes, bytes });
		segment.bytes += bytes;
		this.#queued += bytes;
	}

	#segmentFor(first: number, bytes: number): Segment {
		const last = this.segments.at(-1);
		if (last !== undefined && last.bytes + bytes <= logLimits.segmentBytesMax) return last;
		const segment = { first, bytes: 0, written: 0 };
		this.segments.push(segment);
		return segment;
	}

	async #drain(): Promise<void> {
		// What comes in the same turn of the event loop is written together.
		await Promise.resolve();
		while (this.#unwritten < this.recent.next) {
			const batch = this.#batch();
			try {
				await this.#write(batch);
				this.#written(batch);
			} catch (error) {
				this.#logger.warn("output could not be written and is a gap now", { directory: this.directory, error });
				this.#abandon();
			}
			this.#evict();
		}
		this.#draining = undefined;
	}

	/** The next unwritten entries of one segment. */
	#batch(): Entry[] {
		const batch: Entry[] = [];
		let bytes = 0;
		for (let number = this.#unwritten; ; number++) {
			const entry = this.recent.at(number);
			if (entry === undefined || entry.segment !== (batch[0] ?? entry).segment || bytes > logLimits.writeBytesMax) return batch;
			batch.push(entry);
			bytes += entry.bytes;
		}
	}

	async #write(batch: readonly Entry[]): Promise<void> {
		const { segment, position } = batch[0]!;
		const handle = await this.#open(segment);
		const buffers = batch.flatMap((entry) => encodeRecord(entry.frame));
		const bytes = batch.reduce((sum, entry) => sum + entry.bytes, 0);
		const { bytesWritten } = await handle.writev(buffers, position);
		if (bytesWritten === bytes) return;
		// A short write is how a full disk begins; writing the rest says so.
		const all = Buffer.concat(buffers);
		for (let done = bytesWritten; done < bytes; ) done += (await handle.write(all, done, bytes - done, position + done)).bytesWritten;
	}

	async #open(segment: Segment): Promise<FileHandle> {
		if (this.#file?.segment === segment) return this.#file.handle;
		await this.#file?.handle.close();
		this.#file = undefined;
		if (!this.#directoryMade) await mkdir(this.directory, { recursive: true });
		this.#directoryMade = true;
		const handle = await open(join(this.directory, segmentName(segment.first)), segment.written === 0 ? "w" : "r+");
		this.#file = { segment, handle };
		return handle;
	}

	#written(batch: readonly Entry[]): void {
		const last = batch.at(-1)!;
		last.segment.written = last.position + last.bytes;
		this.#unwritten += batch.length;
		for (const entry of batch) this.#queued -= entry.bytes;
	}

	/** Gives up all that is queued. What comes next begins a new segment, whose name tells readers how much is missing. */
	#abandon(): void {
		const segment = this.recent.at(this.#unwritten)!.segment;
		while (this.segments.at(-1) !== segment) this.segments.pop();
		segment.bytes = Number.POSITIVE_INFINITY;
		this.#unwritten = this.recent.next;
		this.#queued = 0;
	}

	#evict(): void {
		const keep = this.#followers > 0 ? logLimits.recentBytesMax : 0;
		while (this.recent.first < this.#unwritten && this.recent.bytes - this.#queued > keep) this.recent.shift();
	}
}

/** Without the channel, which means nothing here, and without the network's buffer around a small payload. */
function detach(frame: OutputFrame): OutputFrame {
	const data = frame.data.length < logLimits.copyBytesMax ? Buffer.from(frame.data) : frame.data;
	return { ...frame, channel: 0, data };
}
