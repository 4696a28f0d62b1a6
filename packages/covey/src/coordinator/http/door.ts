import type { IncomingMessage, ServerResponse } from "node:http";
import { CoveyError } from "@covey/protocol";
import type { Admissions } from "#coordinator/auth/admissions.ts";
import type { Authenticator } from "#coordinator/auth/authenticator.ts";
import type { Guard } from "#coordinator/auth/guard.ts";
import { requireRole } from "#coordinator/auth/principal.ts";
import type { Logger } from "#kit/logger.ts";
import { HttpRefusal, sendError } from "./answer.ts";
import { type Exchange, type Route, Router } from "./route.ts";

export interface DoorOptions {
	readonly guard: Guard;
	readonly authenticator: Authenticator;
	readonly admissions: Pick<Admissions, "admit">;
	readonly routes: readonly Route[];
	readonly logger: Logger;
}

/**
 * What every HTTP request goes through, in this order: guard (Host, Origin), route, token, role, handler. Whatever is
 * thrown on the way becomes an answer; what nobody expected is logged and told to the caller as `internal`.
 */
export function createDoor(options: DoorOptions): (request: IncomingMessage, response: ServerResponse) => void {
	const router = new Router(options.routes);
	return (request, response) => {
		void enter(options, router, request, response).catch((error: unknown) => {
			if (!(error instanceof CoveyError) && !request.destroyed) options.logger.error("a request failed", { method: request.method, error });
			sendError(response, error);
		});
	};
}

async function enter(
	{ guard, authenticator, admissions }: DoorOptions,
	router: Router,
	request: IncomingMessage,
	response: ServerResponse,
): Promise<void> {
	guard.check(request);
	const url = parseUrl(request);
	const match = router.find(request.method ?? "", url.pathname);
	if ("allow" in match) {
		const error = new CoveyError("bad_request", `${request.method} is not for ${url.pathname.slice(0, 256)}`);
		throw new HttpRefusal(405, error, { allow: match.allow.join(", ") });
	}
	const { route, parameters } = match;
	const exchange: Exchange = { request, response, url, parameters, signal: closing(response) };
	if (route.access === "open" || route.access === "own") return route.handle(exchange);
	const principal = await authenticator.authenticate(bearerOf(request), addressOf(request));
	requireRole(principal, route.access);
	response.once(
		"close",
		admissions.admit(principal, () => response.destroy()),
	);
	return (route as Extract<Route, { access: readonly unknown[] }>).handle(exchange, principal);
}

/** The token of the `Authorization` header; never from the URL, which proxies and histories keep. */
export function bearerOf({ headers }: Pick<IncomingMessage, "headers">): string | undefined {
	return /^Bearer +(\S+)$/i.exec(headers.authorization ?? "")?.[1];
}

export function addressOf({ socket }: IncomingMessage): string {
	return socket.remoteAddress ?? "unknown";
}

function parseUrl(request: IncomingMessage): URL {
	// Such a path would be shortened, and lead elsewhere than it reads.
	if (climbing.test(request.url?.split("?", 1)[0] ?? ""))
		throw new CoveyError("not_found", "there is nothing at a path with segments of dots alone");
	try {
		return new URL(request.url ?? "/", "http://coordinator.invalid");
	} catch {
		throw new CoveyError("bad_request", "the request's path cannot be read");
	}
}

const climbing = /\/(?:\.|%2e){1,2}(?:\/|$)/i;

function closing(response: ServerResponse): AbortSignal {
	const controller = new AbortController();
	response.once("close", () => controller.abort(new CoveyError("unavailable", "the caller went away")));
	return controller.signal;
}
