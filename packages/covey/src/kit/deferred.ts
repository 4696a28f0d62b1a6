/** A promise and the functions that settle it. Settling twice is harmless. */
export interface Deferred<T> {
	readonly promise: Promise<T>;
	resolve(value: T): void;
	reject(reason: unknown): void;
}

export function deferred<T = void>(): Deferred<T> {
	return Promise.withResolvers<T>();
}
