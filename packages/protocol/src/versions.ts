import type { VersionRange } from "./version.ts";

/** Versions of the worker link and of the client API that this build speaks. */
export const linkVersions: VersionRange = [1, 2];
export const apiVersions: VersionRange = [1, 1];
/** Version of every `--json` document. */
export const jsonSchemaVersion = 1;

/** The highest version that both speak, or undefined when there is none. */
export function negotiate(ours: VersionRange, theirs: VersionRange): number | undefined {
	const version = Math.min(ours[1], theirs[1]);
	return version >= Math.max(ours[0], theirs[0]) ? version : undefined;
}
