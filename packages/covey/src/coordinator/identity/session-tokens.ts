import type { SessionTokens } from "#coordinator/auth/session-tokens.ts";
import { createEphemeralSecrets } from "./ephemeral.ts";

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
