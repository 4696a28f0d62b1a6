/** Thins out what anybody can cause as often as they like: the first of a source passes, the others of that time are counted. */
export class Sparse {
	readonly #sources = new Map<string, { readonly at: number; unsaid: number }>();
	readonly #options: SparseOptions;

	constructor(options: SparseOptions) {
		this.#options = options;
	}

	/** @returns how many of this source were not said since the last one that was; undefined: this one is not said either. */
	pass(source: string): number | undefined {
		const { now, everyMs, sourcesMax } = this.#options;
		const known = this.#sources.get(source);
		if (known !== undefined && now() - known.at < everyMs) {
			known.unsaid++;
			return undefined;
		}
		// Moved to the end, so that the first is always the one that passed longest ago.
		this.#sources.delete(source);
		this.#sources.set(source, { at: now(), unsaid: 0 });
		if (this.#sources.size > sourcesMax) this.#sources.delete(this.#sources.keys().next().value!);
		return known?.unsaid ?? 0;
	}
}

export interface SparseOptions {
	readonly now: () => number;
	readonly everyMs: number;
	/** Sources that are remembered. */
	readonly sourcesMax: number;
}
