/**
 * Something that happens again and again, to wait for without missing any: take `next` before looking at the state,
 * and await it when the state is not yet as wanted.
 */
export class Pulse {
	#upcoming = Promise.withResolvers<void>();

	get next(): Promise<void> {
		return this.#upcoming.promise;
	}

	readonly beat = (): void => {
		this.#upcoming.resolve();
		this.#upcoming = Promise.withResolvers();
	};
}
