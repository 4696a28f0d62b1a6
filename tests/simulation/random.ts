/** The one source of chance of a simulated world: everything follows from its seed (sfc32, by Chris Doty-Humphrey). */
export class Random {
	#a: number;
	#b: number;
	#c: number;
	#counter = 1;

	constructor(seed: number) {
		this.#a = seed | 0;
		this.#b = (seed * 0x9e3779b1) | 0;
		this.#c = 0x85ebca6b;
		for (let i = 0; i < 15; i++) this.next();
	}

	/** From 0 up to but not including 1. */
	next(): number {
		const sum = (((this.#a + this.#b) | 0) + this.#counter) | 0;
		this.#counter = (this.#counter + 1) | 0;
		this.#a = this.#b ^ (this.#b >>> 9);
		this.#b = (this.#c + (this.#c << 3)) | 0;
		this.#c = (this.#c << 21) | (this.#c >>> 11);
		this.#c = (this.#c + sum) | 0;
		return (sum >>> 0) / 4294967296;
	}

	/** A whole number from `low` to `high`, both included. */
	between(low: number, high: number): number {
		return low + Math.floor(this.next() * (high - low + 1));
	}

	chance(probability: number): boolean {
		return this.next() < probability;
	}

	pick<T>(items: readonly T[]): T {
		return items[Math.floor(this.next() * items.length)] as T;
	}

	/** Mostly short, sometimes long: as waits on a network and in life are. */
	skewed(low: number, high: number): number {
		return Math.round(low + (high - low) * this.next() ** 3);
	}

	identifier(prefix: string): string {
		const alphabet = "0123456789abcdefghjkmnpqrstvwxyz";
		let text = prefix;
		for (let i = 0; i < 26; i++) text += alphabet[Math.floor(this.next() * 32)];
		return text;
	}
}
