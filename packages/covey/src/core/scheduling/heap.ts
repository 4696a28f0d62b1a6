/** Something that knows where in a heap it is, so that it can be moved or removed in O(log n). -1 while in none. */
export interface Positioned {
	position: number;
}

/** A binary heap of things that know their position; the first is the one that is `before` all others. */
export class Heap<T extends Positioned> {
	readonly #items: T[] = [];
	readonly #before: (left: T, right: T) => boolean;

	constructor(before: (left: T, right: T) => boolean) {
		this.#before = before;
	}

	get size(): number {
		return this.#items.length;
	}

	peek(): T | undefined {
		return this.#items[0];
	}

	/** How many items pass a test; looks at each. */
	count(test: (item: T) => boolean): number {
		return this.#items.reduce((sum, item) => sum + Number(test(item)), 0);
	}

	push(item: T): void {
		this.#items.push(item);
		this.#rise(item, this.#items.length - 1);
	}

	/** Removes an item that is in this heap. */
	remove(item: T): void {
		const { position } = item;
		const last = this.#items.pop() as T;
		item.position = -1;
		if (last === item) return;
		this.#items[position] = last;
		last.position = position;
		this.update(last);
	}

	/** Puts an item of this heap where its changed key wants it. */
	update(item: T): void {
		this.#rise(item, item.position);
		this.#sink(item, item.position);
	}

	#rise(item: T, at: number): void {
		while (at > 0) {
			const parent = (at - 1) >> 1;
			const above = this.#items[parent] as T;
			if (!this.#before(item, above)) break;
			this.#items[at] = above;
			above.position = at;
			at = parent;
		}
		this.#items[at] = item;
		item.position = at;
	}

	#sink(item: T, at: number): void {
		for (;;) {
			let child = 2 * at + 1;
			if (child >= this.#items.length) break;
			const right = this.#items[child + 1];
			if (right !== undefined && this.#before(right, this.#items[child] as T)) child++;
			const below = this.#items[child] as T;
			if (!this.#before(below, item)) break;
			this.#items[at] = below;
			below.position = at;
			at = child;
		}
		this.#items[at] = item;
		item.position = at;
	}
}
