import { createEphemeralSecrets } from "#coordinator/identity/ephemeral.ts";
import { linkLimits } from "./limits.ts";

/** What the credential in a v1 job's URL opens: one commit of one repository, to read. */
export interface GitGrant {
	readonly repository: string;
	readonly namespace: string;
	readonly commit: string;
}

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
