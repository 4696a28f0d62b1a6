import type { RecordChange } from "#core/record.ts";
import { JournalError } from "#journal/journal-error.ts";
import { assert } from "#kit/assert.ts";
import type { AppendResult, Journal, JournalEntry } from "#ports/journal.ts";
import { createMemoryDisk, diskTail, type MemoryDisk } from "./disk.ts";

/**
 * What goes wrong with one append.
 * - `full`: refused, nothing stored. `conflict`: refused as if another owner had appended.
 * - `lost`: `unknown`, and nothing was stored. `kept`: `unknown`, yet it was stored.
 * - `torn`: `unknown`, and half of the bytes reached the disk; the next recovery drops them.
 */
export type AppendFault = "full" | "conflict" | "lost" | "kept" | "torn";

export interface MemoryJournalOptions {
	/** Open the same disk again to recover after a crash. A new one by default. */
	readonly disk?: MemoryDisk;
	/** Asked once per append, numbered from 1 over the disk's life. Must be a function of data, so that a seed replays. */
	readonly faultOf?: (append: number) => AppendFault | undefined;
}

/**
 * The journal of the simulator. An acknowledged write survives the handle, as long as the `disk` object does: nothing
 * survives the process. Answers come in a microtask, so whoever wants delay wraps it.
 */
export function openMemoryJournal(options: MemoryJournalOptions = {}): Journal {
	return new MemoryJournal(options.disk ?? createMemoryDisk(), options.faultOf ?? (() => undefined));
}

const chunkRecords = 256;

class MemoryJournal implements Journal {
	tail: number;
	readonly #disk: MemoryDisk;
	readonly #faultOf: (append: number) => AppendFault | undefined;
	/** Set by an `unknown`: this handle must not append again. */
	#broken: Error | undefined;
	#closed = false;

	constructor(disk: MemoryDisk, faultOf: (append: number) => AppendFault | undefined) {
		this.#disk = disk;
		this.#faultOf = faultOf;
		dropTornTail(disk);
		this.tail = diskTail(disk);
	}

	async *recover(): AsyncIterable<JournalEntry> {
		this.#assertOpen();
		const { snapshot } = this.#disk;
		for (const chunk of snapshot?.chunks ?? []) yield { sequence: snapshot!.sequence, snapshot: true, changes: JSON.parse(chunk) };
		yield* this.read(snapshot?.sequence ?? 0);
	}

	async append(expected: number, changes: readonly RecordChange[]): Promise<AppendResult> {
		this.#assertOpen();
		const disk = this.#disk;
		const fault = this.#faultOf(++disk.appends);
		if (this.#broken) return { kind: "unknown", cause: this.#broken };
		if (diskTail(disk) !== expected || fault === "conflict") return { kind: "conflict" };
		if (fault === "full") return { kind: "full" };

		const payload = JSON.stringify(changes);
		const sequence = expected + 1;
		if (fault !== "lost") {
			const stored = fault === "torn" ? payload.slice(0, payload.length >> 1) : payload;
			disk.entries.push({ sequence, payload: stored, length: payload.length });
		}
		if (fault !== undefined) {
			this.#broken = new Error(`the write of entry ${sequence} failed half-way (${fault})`);
			return { kind: "unknown", cause: this.#broken };
		}
		this.tail = sequence;
		return { kind: "stored", sequence };
	}

	async *read(after: number): AsyncIterable<JournalEntry> {
		this.#assertOpen();
		for (let next = after + 1; ; next++) {
			const { base, entries } = this.#disk;
			if (next <= base) throw new JournalError("truncated", `the journal starts after ${base}`, { sequence: base });
			const entry = entries[next - base - 1];
			if (!entry || entry.payload.length !== entry.length) return;
			yield { sequence: entry.sequence, snapshot: false, changes: JSON.parse(entry.payload) };
		}
	}

	async putSnapshot(sequence: number, records: Iterable<RecordChange>, signal: AbortSignal): Promise<void> {
		this.#assertOpen();
		assert(sequence <= this.tail && sequence >= (this.#disk.snapshot?.sequence ?? 0), `no snapshot can be put at ${sequence}`);
		const chunks: string[] = [];
		let chunk: RecordChange[] = [];
		for (const record of records) {
			chunk.push(record);
			if (chunk.length < chunkRecords) continue;
			chunks.push(JSON.stringify(chunk));
			chunk = [];
			await Promise.resolve();
			signal.throwIfAborted();
		}
		if (chunk.length > 0 || chunks.length === 0) chunks.push(JSON.stringify(chunk));
		signal.throwIfAborted();
		this.#disk.snapshot = { sequence, chunks };
	}

	async truncate(sequence: number): Promise<void> {
		this.#assertOpen();
		const disk = this.#disk;
		assert(sequence <= (disk.snapshot?.sequence ?? 0), `entries up to ${sequence} are not covered by the snapshot`);
		if (sequence <= disk.base) return;
		disk.entries = disk.entries.slice(sequence - disk.base);
		disk.base = sequence;
	}

	async size(): Promise<{ entries: number; bytes: number; snapshotSequence: number }> {
		const { entries, snapshot } = this.#disk;
		let bytes = 0;
		for (const entry of entries) bytes += entry.payload.length;
		for (const chunk of snapshot?.chunks ?? []) bytes += chunk.length;
		return { entries: entries.length, bytes, snapshotSequence: snapshot?.sequence ?? 0 };
	}

	async close(): Promise<void> {
		this.#closed = true;
	}

	[Symbol.asyncDispose](): Promise<void> {
		return this.close();
	}

	#assertOpen(): void {
		if (this.#closed) throw new JournalError("closed", "the journal is closed");
	}
}

function dropTornTail(disk: MemoryDisk): void {
	const last = disk.entries.at(-1);
	if (last && last.payload.length !== last.length) disk.entries.pop();
}
