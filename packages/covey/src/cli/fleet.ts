import { connect, type Fleet } from "@covey/client";
import { backgroundIdle, resolveTarget, type Target } from "#compose/client.ts";
import { dial } from "./dial.ts";
import { leanFetch } from "./lean-fetch.ts";
import { say, talkStyle } from "./terminal.ts";

export interface FleetOptions {
	/** Start a coordinator here when there is none. Only commands that make work do. */
	readonly start?: boolean;
	readonly signal?: AbortSignal;
	readonly reconnect?: boolean;
	/** Told once when the link is closed for good. */
	readonly onClosed?: () => void;
	/** Told besides the person. */
	readonly onLink?: (state: "down" | "up") => void;
}

/** The fleet of this home. @throws CoveyError `unavailable`, `unauthenticated`, `version_mismatch`. */
export async function openFleet(options: FleetOptions = {}): Promise<Fleet> {
	const { start = false, signal, reconnect = true, onClosed, onLink } = options;
	return connectTo(await findTarget(start, signal), {
		reconnect,
		...(signal && { signal }),
		...(onClosed && { onClosed }),
		...(onLink && { onLink }),
	});
}

/** The fleet of a coordinator that is known already. */
export function connectTo(
	{ url, token }: Pick<Target, "url" | "token">,
	options: Pick<FleetOptions, "signal" | "reconnect" | "onClosed" | "onLink">,
): Promise<Fleet> {
	const onLink = (state: "down" | "up"): void => {
		sayLink(state);
		options.onLink?.(state);
	};
	return connect({ url, token, webSocket: dial, fetch: leanFetch, ...options, onLink });
}

/** The signal ends a coordinator that is being started, but not one that has been: from then on others may use it. */
async function findTarget(start: boolean, signal: AbortSignal | undefined): Promise<Target> {
	const starting = new AbortController();
	const abort = () => starting.abort(signal?.reason);
	if (signal?.aborted) abort();
	signal?.addEventListener("abort", abort, { once: true });
	try {
		const target = await resolveTarget({ start, signal: starting.signal });
		if (target.started)
			say(
				`${talkStyle.dim("covey:")} no coordinator ran here: started one at ${target.url}, which ends after ${backgroundIdle} without work`,
			);
		return target;
	} finally {
		signal?.removeEventListener("abort", abort);
	}
}

/** Opens the fleet for one piece of work and closes it behind. */
export async function withFleet<T>(work: (fleet: Fleet) => Promise<T>, options: FleetOptions = {}): Promise<T> {
	await using fleet = await openFleet({ reconnect: false, ...options });
	return await work(fleet);
}

function sayLink(state: "down" | "up"): void {
	const dropped = "the link to the coordinator dropped; what runs goes on, and this command comes back to it";
	say(`${talkStyle.yellow("covey:")} ${state === "down" ? dropped : "the link to the coordinator is back"}`);
}
