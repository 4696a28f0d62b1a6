import type { GitGrant } from "#coordinator/git/http.ts";
import { createEphemeralSecrets } from "#coordinator/identity/ephemeral.ts";
import { linkLimits } from "./limits.ts";

/** Short-lived credentials for workers that know nothing but `git fetch URL`. They live in memory and die with their attempt. */
export interface GitAccess {
	create(grant: GitGrant): string;
	revoke(credential: string): void;
	/** For the git part: the password of HTTP basic authentication. Undefined for anything unknown or over. */
	authorize(credential: string): GitGrant | undefined;
}

export function createGitAccess(now: () => number): GitAccess {
	const secrets = createEphemeralSecrets<GitGrant>();
	return {
		create: (grant) => secrets.create(grant, now() + linkLimits.gitCredentialMs),
		revoke: (credential) => secrets.revoke(credential),
		authorize: (credential) => secrets.find(credential, now()),
	};
}
