import { createHash } from "node:crypto";

/** Bytes of a SHA-256. */
export const chainBytes = 32;

/** What the first entry is chained to. */
export const chainStart: Uint8Array = new Uint8Array(chainBytes);

/**
 * The link of one entry: SHA-256 of the previous link, the sequence (8 bytes, big-endian) and the payload. Equal links
 * mean equal histories; a changed, missing, doubled or moved entry breaks every link after it.
 */
export function link(previous: Uint8Array, sequence: number, payload: Uint8Array): Uint8Array {
	const number = Buffer.allocUnsafe(8);
	number.writeBigUInt64BE(BigInt(sequence));
	return createHash("sha256").update(previous).update(number).update(payload).digest();
}
