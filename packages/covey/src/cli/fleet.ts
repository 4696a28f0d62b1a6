import { connect, type Fleet } from "@covey/client";
import { resolveTarget } from "#compose/client.ts";
import { dial } from "./dial.ts";
import { leanFetch } from "./lean-fetch.ts";

export interface FleetOptions {
	/** Start a coordinator here when there is none. Only commands that make work do. */
	readonly start?: boolean;
	readonly signal?: AbortSignal;
	readonly reconnect?: boolean;
}

/** The fleet of this home. @throws CoveyError `unavailable`, `unauthenticated`, `version_mismatch`. */
export async function openFleet(options: FleetOptions = {}): Promise<Fleet> {
	const { start = false, signal, reconnect = true } = options;
	const { url, token } = await resolveTarget({ start, ...(signal && { signal }) });
	return connect({ url, token, webSocket: dial, fetch: leanFetch, reconnect, ...(signal && { signal }) });
}

/** Opens the fleet for one piece of work and closes it behind. */
export async function withFleet<T>(work: (fleet: Fleet) => Promise<T>, options: FleetOptions = {}): Promise<T> {
	await using fleet = await openFleet({ reconnect: false, ...options });
	return await work(fleet);
}
