const alphabet = "0123456789abcdefghjkmnpqrstvwxyz";

/**
 * 26 characters of Crockford's base 32 in lower case: 10 of time in milliseconds, 16 of chance (80 bits), as in ULID.
 * Sorts by time of creation.
 */
export function createIdentifier(now: number, randomBytes: (length: number) => Uint8Array): string {
	let time = "";
	for (let rest = now, i = 0; i < 10; i++, rest = Math.floor(rest / 32)) time = alphabet[rest % 32] + time;
	let chance = "";
	for (const byte of randomBytes(16)) chance += alphabet[byte & 31];
	return time + chance;
}

/** The same chance, asked for `size` bytes at a time: for many small pieces the asking costs more than the bytes. */
export function pooled(randomBytes: (length: number) => Uint8Array, size = 4096): (length: number) => Uint8Array {
	let pool: Uint8Array = new Uint8Array(0);
	let used = 0;
	return (length) => {
		if (used + length > pool.length) {
			pool = randomBytes(Math.max(size, length));
			used = 0;
		}
		used += length;
		return pool.subarray(used - length, used);
	};
}
