import { createEphemeralSecrets } from "./ephemeral.ts";

/** Bearer tokens of workers' sessions: issued and renewed by the worker link, shown for packs and artifacts. */
export interface SessionTokens {
	/** Compares in constant time; undefined for anything unknown, expired or of a session that ended. */
	verify(token: string): { readonly worker: string; readonly session: string; readonly namespaces: readonly string[] } | undefined;
}

type Bearer = NonNullable<ReturnType<SessionTokens["verify"]>>;

/** The bearer tokens of workers' sessions, as the worker link issues them. */
export interface IssuedSessionTokens extends SessionTokens {
	issue(bearer: Bearer, ttlMs: number): string;
	revoke(token: string): void;
}

export function createSessionTokens(now: () => number): IssuedSessionTokens {
	const secrets = createEphemeralSecrets<Bearer>();
	return {
		issue: (bearer, ttlMs) => secrets.create(bearer, now() + ttlMs),
		verify: (token) => secrets.find(token, now()),
		revoke: (token) => secrets.revoke(token),
	};
}
