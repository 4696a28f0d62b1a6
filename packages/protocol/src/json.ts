import { z } from "zod";
import { wireLimits } from "./limits.ts";

/**
 * Any JSON value, not nested too deeply. What is checked has come out of `JSON.parse`, so only its depth is looked at:
 * that is all that could hurt whoever walks or writes it later.
 */
export const Json = z
	.any()
	.refine((value) => value !== undefined, "a value is missing")
	.refine(isShallow, `nested more than ${wireLimits.jsonDepthMax} deep`) as unknown as ReturnType<typeof z.json>;

/** Not nested more deeply than a payload may be. */
export function isShallow(value: unknown): boolean {
	return isWithin(value, wireLimits.jsonDepthMax);
}

function isWithin(value: unknown, depth: number): boolean {
	if (typeof value !== "object" || value === null) return true;
	if (depth === 0) return false;
	if (Array.isArray(value)) return value.every((item) => isWithin(item, depth - 1));
	for (const key in value) if (!isWithin((value as Record<string, unknown>)[key], depth - 1)) return false;
	return true;
}
