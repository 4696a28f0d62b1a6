/** Items in the order in which they came, for one reader that waits for the next. */
export class Inbox<T> {
	#items: T[] = [];
	#taken = 0;
	#ended: { readonly error?: unknown } | undefined;
	#wake: (() => void) | undefined;

	push(item: T): void {
		if (this.#ended) return;
		this.#items.push(item);
		this.#wake?.();
	}

	/** Items that nobody has taken yet. */
	get size(): number {
		return this.#items.length - this.#taken;
	}

	/** The last item that nobody has taken yet. */
	get last(): T | undefined {
		return this.#items.length > this.#taken ? this.#items.at(-1) : undefined;
	}

	/** Puts `item` in the place of the last one. */
	replaceLast(item: T): void {
		this.#items[this.#items.length - 1] = item;
	}

	/** What has come is still read; then the reader ends, or throws `error`. */
	end(error?: unknown): void {
		this.#ended ??= error === undefined ? {} : { error };
		this.#wake?.();
	}

	/** Drops what has come: the reader throws `error` at once. */
	fail(error: unknown): void {
		this.#items = [];
		this.#taken = 0;
		this.#ended = { error };
		this.#wake?.();
	}

	/** @returns undefined at the end. @throws what `end` or `fail` was given. One caller at a time. */
	async next(): Promise<T | undefined> {
		while (this.#taken === this.#items.length) {
			if (this.#ended && "error" in this.#ended) throw this.#ended.error;
			if (this.#ended) return undefined;
			await new Promise<void>((resolve) => {
				this.#wake = resolve;
			});
		}
		const item = this.#items[this.#taken++] as T;
		if (this.#taken === this.#items.length) {
			this.#items = [];
			this.#taken = 0;
		}
		return item;
	}
}
