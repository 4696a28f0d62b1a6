import { z } from "zod";

/** Inclusive range of protocol versions, as in [1, 2]. */
export const VersionRange = z
	.tuple([z.number().int().min(1), z.number().int().min(1)])
	.refine(([low, high]) => low <= high, "a version range goes from low to high");
export type VersionRange = z.infer<typeof VersionRange>;

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
