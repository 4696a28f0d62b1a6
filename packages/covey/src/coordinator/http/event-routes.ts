import { CoveyError, type FleetEvent } from "@covey/protocol";
import { isAdmin, maySee, type Principal } from "#coordinator/auth/principal.ts";
import type { EventFeed } from "#coordinator/events/feed.ts";
import type { Control } from "#ports/control.ts";
import type { EventStreams } from "./event-stream.ts";
import type { GuardedRoute } from "./route.ts";

/** May this caller hear of it? Audit entries are for admins, tasks for those who see their namespace. */
export function mayHear(principal: Principal, event: FleetEvent): boolean {
	if (event.type === "audit") return isAdmin(principal);
	return event.type === "worker" || maySee(principal, event.namespace);
}

/**
 * `GET /api/v1/events`: the fleet's events as SSE, ids are sequences. `Last-Event-ID` or `?sequence=` goes on after it.
 * When what lies after it is no longer kept, the first event is `reset` with the sequence from which events come: the
 * reader has to look at the whole state once.
 */
export function createEventRoute(control: Control, feed: EventFeed, streams: EventStreams): GuardedRoute {
	return {
		method: "GET",
		path: "/api/v1/events",
		summary: "The fleet's events as they happen (server-sent events)",
		access: ["read", "submit"],
		handle({ request, response, url }, principal) {
			const after = parseSequence(request.headers["last-event-id"] ?? url.searchParams.get("sequence") ?? undefined);
			const stream = streams.open(response);
			const tell = (event: FleetEvent) => {
				if (mayHear(principal, event)) stream.send(event.type, event.sequence, event);
			};
			let subscription = feed.subscribe(after, tell);
			if (!subscription) {
				stream.send("reset", control.sequence, { sequence: control.sequence, reason: `events after ${after} are no longer kept` });
				subscription = feed.subscribe(undefined, tell);
			}
			response.once("close", () => subscription?.[Symbol.dispose]());
		},
	};
}

function parseSequence(text: string | string[] | undefined): number | undefined {
	if (text === undefined || text === "") return undefined;
	if (typeof text === "string" && /^\d{1,15}$/.test(text)) return Number(text);
	throw new CoveyError("bad_request", "the sequence to go on after is a number");
}
