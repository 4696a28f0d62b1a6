import type { IncomingMessage, ServerResponse } from "node:http";
import { CoveyError, type Role } from "@covey/protocol";
import type { Principal } from "#coordinator/auth/principal.ts";

/** One request on its way through a route. */
export interface Exchange {
	readonly request: IncomingMessage;
	readonly response: ServerResponse;
	readonly url: URL;
	/** The `{…}` parts of the path, decoded. */
	readonly parameters: Readonly<Record<string, string>>;
	/** Aborts when the caller goes away. */
	readonly signal: AbortSignal;
}

export interface OpenRoute {
	readonly method: "GET" | "POST" | "PUT" | "DELETE";
	/** `{name}` stands for one segment. */
	readonly path: string;
	readonly summary: string;
	/** `open` needs no token; `own` authenticates by itself, after the guard. */
	readonly access: "open" | "own";
	handle(exchange: Exchange): Promise<void> | void;
}

export interface GuardedRoute {
	readonly method: OpenRoute["method"];
	readonly path: string;
	readonly summary: string;
	/** Any of these will do; admin always does. */
	readonly access: readonly Role[];
	handle(exchange: Exchange, principal: Principal): Promise<void> | void;
}

export type Route = OpenRoute | GuardedRoute;

export type Match = { readonly route: Route; readonly parameters: Record<string, string> };

/** Finds routes by method and path. */
export class Router {
	readonly #routes: readonly { readonly route: Route; readonly segments: readonly string[] }[];

	constructor(routes: readonly Route[]) {
		this.#routes = routes.map((route) => ({ route, segments: route.path.split("/").slice(1) }));
	}

	/** @throws CoveyError `not_found`; `bad_request` for a path that cannot be decoded. @returns the allowed methods when only the method is wrong. */
	find(method: string, pathname: string): Match | { readonly allow: readonly string[] } {
		const parts = pathname.split("/").slice(1);
		const allow: string[] = [];
		for (const { route, segments } of this.#routes) {
			const parameters = matchSegments(segments, parts);
			if (!parameters) continue;
			if (route.method === method || (method === "HEAD" && route.method === "GET")) return { route, parameters };
			allow.push(route.method);
		}
		if (allow.length > 0) return { allow };
		throw new CoveyError("not_found", `there is nothing at ${pathname.slice(0, 256)}`, {
			hint: "GET /api/v1/openapi.json lists what there is",
		});
	}
}

function matchSegments(segments: readonly string[], parts: readonly string[]): Record<string, string> | undefined {
	if (parts.length !== segments.length) return undefined;
	const parameters: Record<string, string> = {};
	for (const [index, segment] of segments.entries()) {
		if (!segment.startsWith("{")) {
			if (segment !== parts[index]) return undefined;
		} else parameters[segment.slice(1, -1)] = decode(parts[index]!);
	}
	return parameters;
}

function decode(part: string): string {
	try {
		return decodeURIComponent(part);
	} catch {
		throw new CoveyError("bad_request", "the path is not well encoded");
	}
}
