import { z } from "zod";

export { apiVersions, jsonSchemaVersion, linkVersions, negotiate } from "./versions.ts";

/** Inclusive range of protocol versions, as in [1, 2]. */
export const VersionRange = z
	.tuple([z.number().int().min(1), z.number().int().min(1)])
	.refine(([low, high]) => low <= high, "a version range goes from low to high");
export type VersionRange = z.infer<typeof VersionRange>;
