import { mkdir, rm } from "node:fs/promises";
import { encodeFrame, type OutputStream, type V2FromWorkerMessage } from "@covey/protocol";
import { deferred } from "#kit/deferred.ts";
import type { Logger } from "#kit/logger.ts";
import type { LinkConnection } from "#ports/link.ts";
import { createGather } from "./gather.ts";
import { costOf, frameFrom, gapRecord, packRecord, type SpoolRecord } from "./record.ts";
import { readSegment, type Segment, writeSegment } from "./segment.ts";

export interface AttemptOutputOptions {
	readonly attempt: number;
	/** Made when something has to be stored. */
	readonly directory: string;
	readonly limits: OutputLimits;
	/** Shared by all attempts of the worker. */
	readonly total: { used: number; readonly max: number };
	readonly logger: Logger;
}

export interface OutputLimits {
	/** Output of one attempt that is kept until it is acknowledged. */
	readonly attemptBytesMax: number;
	/** Of that, in memory; the rest goes to disk. Twice this holds up the job until the disk has caught up. */
	readonly windowBytes: number;
	/** Waiting in the connection before sending pauses. */
	readonly queuedBytesMax: number;
}

/** After the disk refused: how long until it is tried again. */
const diskRetryMs = 5000;

/**
 * The output of one attempt between the job and the coordinator's disk. Everything from `acknowledged` to `end` is
 * held, the newer part in memory, the older in segment files; what cannot be held is a marked gap.
 *
 * Detached → attached (frames flow from the offset that the coordinator named) → detached, any number of times. While
 * attached and over the bounds the job waits for acknowledgements; while detached what is over the bounds is dropped.
 */
export class AttemptOutput {
	end = 0;
	droppedBytes = 0;
	acknowledged = 0;
	readonly #options: AttemptOutputOptions;
	readonly #gather = createGather((stream, chunks, bytes) =>
		this.#append(packRecord(this.#options.attempt, stream, this.end, chunks, bytes)),
	);
	/** In memory, without holes; those before `#head` are gone. */
	#records: SpoolRecord[] = [];
	#head = 0;
	#memoryBytes = 0;
	/** On disk; older than what is in memory, without holes. */
	#segments: Segment[] = [];
	#diskBytes = 0;
	/** There may be something in the directory: most attempts end without, and then it is not even looked for. */
	#directoryUsed = false;
	#diskFailedAt = Number.NEGATIVE_INFINITY;
	#storing: Promise<void> | undefined;
	#link: { readonly connection: LinkConnection; readonly channel: number } | undefined;
	#sent = 0;
	#complete: V2FromWorkerMessage | undefined;
	#pumping = false;
	#changed = deferred();
	#forgotten = false;

	constructor(
		options: AttemptOutputOptions,
		recovered?: { readonly end: number; readonly acknowledged: number; readonly segments: Segment[] },
	) {
		this.#options = options;
		if (recovered === undefined) return;
		this.end = recovered.end;
		this.acknowledged = recovered.acknowledged;
		this.#segments = recovered.segments;
		this.#directoryUsed = true;
		for (const { bytes } of recovered.segments) this.#countDisk(bytes);
	}

	/** Takes the bytes over. Resolves when the job may write more. Never rejects. */
	async write(stream: OutputStream, data: Uint8Array): Promise<void> {
		while (!this.#fits(data.length) && this.#link !== undefined && !this.#forgotten) await this.#changed.promise;
		if (!this.#fits(data.length)) {
			this.#drop(data.length);
			return;
		}
		this.#gather.add(stream, data);
		if (this.#memoryBytes <= this.#options.limits.windowBytes) return;
		const storing = this.#store(this.#options.limits.windowBytes / 2);
		if (this.#memoryBytes > 2 * this.#options.limits.windowBytes) await Promise.race([storing, this.#changed.promise]);
	}

	/** The connection wants it from `offset` on this channel. */
	attach(connection: LinkConnection, channel: number, offset: number): void {
		this.#gather.flush();
		this.#link = { connection, channel };
		this.#sent = Math.min(offset, this.end);
		void this.#pump();
	}

	detach(): void {
		this.#link = undefined;
		this.#complete = undefined;
		this.#notify();
	}

	get attached(): boolean {
		return this.#link !== undefined;
	}

	/** Sends the message behind all output. Forgotten when detached. */
	complete(message: V2FromWorkerMessage): void {
		this.#gather.flush();
		this.#complete = message;
		void this.#pump();
	}

	/** Nothing more is written: `end` and `droppedBytes` are final. */
	finish(): void {
		this.#gather.flush();
	}

	/** Up to here it is on the coordinator's disk. */
	acknowledge(offset: number): void {
		this.acknowledged = Math.min(Math.max(this.acknowledged, offset), this.end);
		while (this.#head < this.#records.length && this.#records[this.#head]!.end <= this.acknowledged) this.#shift();
		while (this.#segments.length > 0 && this.#segments[0]!.end <= this.acknowledged) this.#dropSegment(this.#segments.shift() as Segment);
		this.#notify();
	}

	/**
	 * Everything held is on disk when it resolves, and the directory is for the caller to use.
	 *
	 * @throws the system's error. @returns what `recovered` wants.
	 */
	async persist(): Promise<{ readonly end: number; readonly acknowledged: number }> {
		this.#directoryUsed = true;
		this.#gather.flush();
		while (this.#head < this.#records.length && !this.#forgotten) {
			await this.#store(0);
			if (this.#isDiskFailing()) throw new Error("the spool's disk takes no more");
		}
		return { end: this.end, acknowledged: this.acknowledged };
	}

	/** Drops all of it, also on disk. */
	async forget(): Promise<void> {
		this.#gather.flush();
		this.#forgotten = true;
		this.detach();
		while (this.#head < this.#records.length) this.#shift();
		await this.#storing;
		for (const segment of this.#segments.splice(0)) this.#countDisk(-segment.bytes);
		if (this.#directoryUsed) await rm(this.#options.directory, { recursive: true, force: true });
	}

	#fits(bytes: number): boolean {
		const { limits, total } = this.#options;
		const waiting = this.#gather.bytes + bytes;
		if (this.#memoryBytes + this.#diskBytes + waiting > limits.attemptBytesMax || total.used + waiting > total.max) return false;
		return this.#memoryBytes + waiting <= 2 * limits.windowBytes || !this.#isDiskFailing();
	}

	#isDiskFailing(): boolean {
		return performance.now() - this.#diskFailedAt < diskRetryMs;
	}

	#append(record: SpoolRecord): void {
		this.end = record.end;
		if (this.#forgotten) return;
		this.#records.push(record);
		this.#countMemory(costOf(record));
		void this.#pump();
	}

	/** Gaps that follow one another become one, while none of it has been sent. */
	#drop(bytes: number): void {
		this.#gather.flush();
		this.droppedBytes += bytes;
		const last = this.#records.length > this.#head ? (this.#records.at(-1) as SpoolRecord) : undefined;
		if (last?.kind === "gap" && this.#link === undefined && this.#storing === undefined) {
			this.end += bytes;
			this.#records[this.#records.length - 1] = gapRecord(this.#options.attempt, last.offset, this.end - last.offset);
		} else {
			this.#append(gapRecord(this.#options.attempt, this.end, bytes));
		}
	}

	/** Sends what the connection takes, in order; one at a time, again after each change. */
	async #pump(): Promise<void> {
		if (this.#pumping) return;
		this.#pumping = true;
		for (let link = this.#link; link !== undefined; link = this.#link) {
			if (link.connection.queuedBytes > this.#options.limits.queuedBytesMax) {
				await link.connection.drained(this.#options.limits.queuedBytesMax / 2);
			} else if (this.#sent < this.end && !this.#sendFromMemory(link)) {
				await this.#sendFromDisk(link);
			} else if (this.#sent >= this.end) {
				break;
			}
		}
		this.#pumping = false;
		if (this.#complete === undefined || this.#link === undefined) return;
		this.#link.connection.send(this.#complete);
		this.#complete = undefined;
	}

	/** @returns false when the next byte is not in memory. */
	#sendFromMemory(link: { readonly connection: LinkConnection; readonly channel: number }): boolean {
		const record = this.#find(this.#sent);
		if (record === undefined) return false;
		link.connection.sendFrame(frameFrom(record, this.#options.attempt, link.channel, this.#sent));
		this.#sent = record.end;
		return true;
	}

	/** The segment that holds the next byte, from there on; a marked gap where there is none, or not all of it. */
	async #sendFromDisk(link: { readonly connection: LinkConnection; readonly channel: number }): Promise<void> {
		const { attempt, limits } = this.#options;
		const segment = this.#segments.find(({ end }) => end > this.#sent);
		const frames = segment === undefined || segment.offset > this.#sent ? [] : await readSegment(segment);
		for (const frame of frames) {
			if (this.#link !== link) return;
			const end = frame.offset + frame.length;
			if (end <= this.#sent) continue;
			if (frame.offset > this.#sent) break;
			const from = this.#sent - frame.offset;
			const data = frame.data.subarray(frame.kind === "gap" ? 0 : from);
			link.connection.sendFrame(
				encodeFrame({ ...frame, attempt, channel: link.channel, offset: this.#sent, data, length: end - this.#sent }),
			);
			this.#sent = end;
			if (link.connection.queuedBytes > limits.queuedBytesMax) await link.connection.drained(limits.queuedBytesMax / 2);
		}
		if (this.#link !== link) return;
		const known = segment !== undefined && segment.offset <= this.#sent ? segment.end : (segment?.offset ?? this.#firstInMemory());
		if (this.#sent >= known || this.#find(this.#sent) !== undefined) return;
		link.connection.sendFrame(frameFrom(gapRecord(attempt, this.#sent, known - this.#sent), attempt, link.channel, this.#sent));
		this.#sent = known;
	}

	#firstInMemory(): number {
		return this.#records[this.#head]?.offset ?? this.end;
	}

	/** By halving: the records follow one another. */
	#find(offset: number): SpoolRecord | undefined {
		let [low, high] = [this.#head, this.#records.length];
		while (low < high) {
			const middle = (low + high) >>> 1;
			if (this.#records[middle]!.end > offset) high = middle;
			else low = middle + 1;
		}
		const record = this.#records[low];
		return record !== undefined && record.offset <= offset ? record : undefined;
	}

	/** Moves the oldest of what is in memory to disk, until at most `keepBytes` are left there or the disk refuses. */
	#store(keepBytes: number): Promise<void> {
		if (this.#isDiskFailing()) return Promise.resolve();
		this.#storing ??= this.#moveToDisk(keepBytes).finally(() => {
			this.#storing = undefined;
			this.#notify();
		});
		return this.#storing;
	}

	async #moveToDisk(keepBytes: number): Promise<void> {
		let bytes = 0;
		let until = this.#head;
		while (until < this.#records.length && this.#memoryBytes - bytes > keepBytes) bytes += costOf(this.#records[until++]!);
		const batch = this.#records.slice(this.#head, until);
		if (batch.length === 0) return;
		this.#directoryUsed = true;
		try {
			await mkdir(this.#options.directory, { recursive: true, mode: 0o700 });
			const segment = await writeSegment(this.#options.directory, batch);
			this.#segments.push(segment);
			this.#countDisk(segment.bytes);
			while (this.#head < this.#records.length && this.#records[this.#head]!.end <= segment.end) this.#shift();
			this.acknowledge(this.acknowledged);
		} catch (error) {
			this.#diskFailedAt = performance.now();
			this.#options.logger.error("output could not be spooled to disk", { error });
		}
	}

	#shift(): void {
		this.#countMemory(-costOf(this.#records[this.#head]!));
		this.#head++;
		if (this.#head < 1024 && this.#head < this.#records.length) return;
		this.#records = this.#records.slice(this.#head);
		this.#head = 0;
	}

	#dropSegment(segment: Segment): void {
		this.#countDisk(-segment.bytes);
		rm(segment.path, { force: true }).catch(() => {});
	}

	#countMemory(bytes: number): void {
		this.#memoryBytes += bytes;
		this.#options.total.used += bytes;
	}

	#countDisk(bytes: number): void {
		this.#diskBytes += bytes;
		this.#options.total.used += bytes;
	}

	#notify(): void {
		this.#changed.resolve();
		this.#changed = deferred();
	}
}
