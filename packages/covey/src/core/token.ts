import type { Role } from "@covey/protocol";

/** What is stored of a token: never its secret. */
export interface TokenRecord {
	readonly id: string;
	readonly kind: "client" | "join";
	/** SHA-256 of the secret, hex. */
	readonly secretHash: string;
	readonly roles: readonly Role[];
	/** Empty means all. */
	readonly namespaces: readonly string[];
	readonly label: string;
	readonly createdAt: number;
	readonly createdBy: string;
	readonly expiresAt?: number;
	usesLeft?: number;
	readonly name?: string;
	readonly tags: Readonly<Record<string, string>>;
	readonly worktree?: string;
	revoked: boolean;
}
