/**
 * A set of small numbers, one bit each. Workers are numbered, so "eligible and free" is a walk over the common bits of two
 * sets: 313 words for 10,000 workers, of which it mostly reads the first few.
 */
export class Bitset {
	#words = new Uint32Array(4);
	#size = 0;

	get size(): number {
		return this.#size;
	}

	has(index: number): boolean {
		return ((this.#words[index >> 5] ?? 0) & (1 << (index & 31))) !== 0;
	}

	add(index: number): void {
		if (this.has(index)) return;
		const word = index >> 5;
		if (word >= this.#words.length) {
			const grown = new Uint32Array(Math.max(word + 1, this.#words.length * 2));
			grown.set(this.#words);
			this.#words = grown;
		}
		this.#words[word]! |= 1 << (index & 31);
		this.#size++;
	}

	delete(index: number): void {
		if (!this.has(index)) return;
		this.#words[index >> 5]! &= ~(1 << (index & 31));
		this.#size--;
	}

	/** The smallest number not below `from` that is in both sets, or -1. */
	nextCommon(other: Bitset, from: number): number {
		const ours = this.#words;
		const theirs = other.#words;
		const length = Math.min(ours.length, theirs.length);
		let mask = -1 << (from & 31);
		for (let word = from >> 5; word < length; word++) {
			const common = ours[word]! & theirs[word]! & mask;
			if (common !== 0) return word * 32 + 31 - Math.clz32(common & -common);
			mask = -1;
		}
		return -1;
	}
}
