import type { Fallback } from "@covey/protocol";
import { parseDuration } from "#kit/duration.ts";

/** `never`, `always` or `after:10s`; undefined for anything else. */
export function parseFallback(text: string): Fallback | undefined {
	if (text === "never" || text === "always") return text;
	const afterMs = text.startsWith("after:") ? parseDuration(text.slice("after:".length)) : undefined;
	return afterMs === undefined ? undefined : { afterMs };
}
