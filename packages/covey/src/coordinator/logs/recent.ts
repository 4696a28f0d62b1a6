import type { OutputFrame } from "@covey/protocol/frames";
import type { Segment } from "./segment.ts";

/** A frame in memory, and where it lies (or will lie) on disk. */
export interface Entry {
	readonly frame: OutputFrame;
	readonly segment: Segment;
	readonly position: number;
	/** Of the record in its segment. */
	readonly bytes: number;
}

/**
 * A queue of the newest entries, numbered from 0 for the first ever. Entries leave at the old end only, so a reader
 * that holds a number finds its entry or learns that it has gone.
 */
export class Recent {
	/** Of all entries held. */
	bytes = 0;
	#entries: (Entry | undefined)[] = [];
	#head = 0;
	/** Number of the entry at `#head`. */
	#first = 0;

	/** Number that the next entry gets. */
	get next(): number {
		return this.#first + this.#entries.length - this.#head;
	}

	get first(): number {
		return this.#first;
	}

	at(number: number): Entry | undefined {
		return number < this.#first ? undefined : this.#entries[this.#head + number - this.#first];
	}

	push(entry: Entry): void {
		this.#entries.push(entry);
		this.bytes += entry.bytes;
	}

	shift(): void {
		this.bytes -= this.#entries[this.#head]!.bytes;
		this.#entries[this.#head++] = undefined;
		this.#first++;
		if (this.#head < 64 || this.#head * 2 < this.#entries.length) return;
		this.#entries = this.#entries.slice(this.#head);
		this.#head = 0;
	}

	/** Number of the entry that holds `offset`. */
	find(offset: number): number | undefined {
		let low = this.#first;
		let high = this.next;
		while (low < high) {
			const middle = (low + high) >>> 1;
			const { frame } = this.at(middle)!;
			if (frame.offset + frame.length <= offset) low = middle + 1;
			else high = middle;
		}
		const found = this.at(low);
		return found !== undefined && found.frame.offset <= offset ? low : undefined;
	}
}
