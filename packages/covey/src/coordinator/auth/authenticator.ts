import { createHash, timingSafeEqual } from "node:crypto";
import { CoveyError } from "@covey/protocol";
import type { SessionTokens } from "#coordinator/identity/session-tokens.ts";
import type { TokenRecord } from "#core/token.ts";
import { parseToken, type Token } from "#host/token/token.ts";
import { BackOff } from "./back-off.ts";
import type { Principal } from "./principal.ts";

export const adminTokenId = "admin";

export interface AuthenticatorOptions {
	/** SHA-256 of the admin token's secret, hex. */
	readonly adminSecretHash: string;
	readonly sessions: SessionTokens;
	readonly now: () => number;
	/** Looks a client token up; revoked and expired ones too. */
	readonly find: (id: string) => Promise<TokenRecord | undefined>;
}

/** Tells who a bearer token belongs to. All guesses fail alike; who holds a token that was good once is told what became of it. */
export class Authenticator {
	readonly #options: AuthenticatorOptions;
	readonly #backOff: BackOff;

	constructor(options: AuthenticatorOptions) {
		this.#options = options;
		this.#backOff = new BackOff(options.now);
	}

	/**
	 * @param token as shown; undefined when none was, which is refused but is no guess.
	 * @param address where it came from, for the back-off.
	 * @throws CoveyError `unauthenticated`, which says so of a token that was good once; `too_many` for a wrong one from a source that showed many.
	 */
	async authenticate(token: string | undefined, address: string): Promise<Principal> {
		if (token === undefined || token === "") throw unauthenticated();
		const principal = this.#session(token) ?? (await this.#client(token));
		if (principal) {
			this.#backOff.succeed(address);
			return principal;
		}
		const waitMs = this.#backOff.fail(address);
		if (waitMs > 0) throw new CoveyError("too_many", "too many wrong tokens from this address", { retryAfterMs: waitMs });
		throw unauthenticated();
	}

	#session(token: string): Principal | undefined {
		const session = this.#options.sessions.verify(token);
		if (!session) return undefined;
		const { worker, namespaces } = session;
		return { name: `worker:${worker}`, tokenId: worker, roles: ["worker"], namespaces, session };
	}

	async #client(token: string): Promise<Principal | undefined> {
		const parsed = tryParse(token);
		if (parsed?.kind !== "client") return undefined;
		if (parsed.id === adminTokenId) {
			const admin: Principal = { name: "admin", tokenId: adminTokenId, roles: ["admin"], namespaces: [] };
			return isSecret(parsed.secret, this.#options.adminSecretHash) ? admin : undefined;
		}
		const record = await this.#options.find(parsed.id);
		// An unknown id costs the same as a wrong secret.
		const right = isSecret(parsed.secret, record?.secretHash ?? this.#options.adminSecretHash);
		if (!right || record?.kind !== "client") return undefined;
		if (record.revoked) throw unauthenticated(`the token ${record.id} was revoked`);
		if (record.expiresAt !== undefined && record.expiresAt <= this.#options.now())
			throw unauthenticated(`the token ${record.id} expired at ${new Date(record.expiresAt).toISOString()}`);
		const { id, label, roles, namespaces, expiresAt, worktree } = record;
		return {
			name: label || id,
			tokenId: id,
			roles,
			namespaces,
			...(expiresAt !== undefined && { expiresAt }),
			...(worktree !== undefined && { worktree }),
		};
	}
}

/** Compares digests, which have one length whatever the secret's, in constant time. */
export function isSecret(secret: string, hash: string): boolean {
	return timingSafeEqual(createHash("sha256").update(secret).digest(), Buffer.from(hash.padEnd(64, "0").slice(0, 64), "hex"));
}

/** What is no token at all looks like a wrong one from outside. */
function tryParse(text: string): Token | undefined {
	try {
		return parseToken(text);
	} catch {
		return undefined;
	}
}

function unauthenticated(message = "a valid token is needed"): CoveyError {
	return new CoveyError("unauthenticated", message, {
		hint: "covey token create client makes one and covey login URL keeps it; in HTTP it goes into `Authorization: Bearer …`",
	});
}
