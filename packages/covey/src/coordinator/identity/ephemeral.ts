import { createSecret, hashSecret } from "#host/token/token.ts";

/**
 * Secrets that live in memory only, each standing for something until it is revoked or expires. Found by their hash,
 * so no comparison of a secret takes a time that tells anything, and none is stored.
 */
export interface EphemeralSecrets<T> {
	create(value: T, expiresAt: number): string;
	find(secret: string, now: number): T | undefined;
	revoke(secret: string): void;
}

export function createEphemeralSecrets<T>(): EphemeralSecrets<T> {
	const held = new Map<string, { readonly value: T; readonly expiresAt: number }>();
	return {
		create(value, expiresAt) {
			const secret = createSecret();
			held.set(hashSecret(secret), { value, expiresAt });
			return secret;
		},
		find(secret, now) {
			const found = held.get(hashSecret(secret));
			return found !== undefined && now < found.expiresAt ? found.value : undefined;
		},
		revoke(secret) {
			held.delete(hashSecret(secret));
		},
	};
}
