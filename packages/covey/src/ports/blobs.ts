/**
 * Content-addressed bytes: artifacts now, caches later. Safe for concurrent use; equal content is stored once.
 * A name is the SHA-256 of the content, in hex, and is checked on write and on read.
 */
export interface Blobs extends AsyncDisposable {
	/** @throws CoveyError `bad_request` when the content does not have this digest, `too_large` over `bytesMax`, `store_full`. A failed write leaves nothing. */
	put(
		digest: string,
		content: AsyncIterable<Uint8Array>,
		options: { readonly bytesMax: number; readonly signal: AbortSignal },
	): Promise<{ readonly bytes: number; readonly created: boolean }>;
	/** The content, verified while it is read: a wrong digest ends the stream with an error. Undefined when absent. */
	get(digest: string): Promise<{ readonly bytes: number; readonly content: AsyncIterable<Uint8Array> } | undefined>;
	has(digest: string): Promise<boolean>;
	/** Drops the least recently used content beyond `bytesMax`, never anything younger than `minAgeMs`. */
	trim(options: { readonly bytesMax: number; readonly minAgeMs: number }): Promise<{ readonly removed: number; readonly bytes: number }>;
}
