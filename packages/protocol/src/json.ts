import { z } from "zod";
import { wireLimits } from "./limits.ts";

/**
 * Any JSON value, not nested too deeply. What is checked has come out of `JSON.parse`, so only its depth is looked at:
 * that is all that could hurt whoever walks or writes it later.
 */
export const Json = z
	.any()
	.refine((value) => value !== undefined, "a value is missing")
	.refine(
		(value) => isShallow(value, wireLimits.jsonDepthMax),
		`nested more than ${wireLimits.jsonDepthMax} deep`,
	) as unknown as ReturnType<typeof z.json>;

function isShallow(value: unknown, depth: number): boolean {
	if (typeof value !== "object" || value === null) return true;
	if (depth === 0) return false;
	if (Array.isArray(value)) return value.every((item) => isShallow(item, depth - 1));
	for (const key in value) if (!isShallow((value as Record<string, unknown>)[key], depth - 1)) return false;
	return true;
}
