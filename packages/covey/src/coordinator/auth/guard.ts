import type { IncomingMessage } from "node:http";
import { CoveyError } from "@covey/protocol";

/**
 * What every request and every upgrade has to pass before anything looks at it: it is meant for us (no DNS
 * rebinding), and no foreign web page sends it (no cross-site request, no cross-site WebSocket hijack).
 */
export interface Guard {
	/** @throws CoveyError `misdirected` or `forbidden`. */
	check(request: Pick<IncomingMessage, "headers" | "url">): void;
	/** The coordinator is called by this name or address too. */
	allow(host: string): void;
}

/** @param hosts names and addresses without port; IPv6 addresses without brackets. */
export function createGuard(hosts: Iterable<string>): Guard {
	const allowed = new Set([...hosts].map((host) => host.toLowerCase()));
	return {
		check({ headers, url }) {
			const host = headers.host?.toLowerCase();
			if (host === undefined || !allowed.has(hostName(host)) || !url?.startsWith("/")) {
				throw new CoveyError("misdirected", "this coordinator is not called by that host name", {
					hint: "add the name to coordinator.allowed_hosts in its configuration",
				});
			}
			const site = headers["sec-fetch-site"];
			if (site !== undefined && site !== "same-origin" && site !== "none") throw foreign();
			if (headers.origin !== undefined && !isOriginOf(headers.origin, host)) throw foreign();
		},
		allow: (host) => void allowed.add(host.toLowerCase()),
	};
}

/** `[::1]:8000` → `::1`, `name:8000` → `name`; nothing for what is neither. */
function hostName(host: string): string {
	const [, v6, name] = /^(?:\[([^\]]*)\]|([^:[\]]*))(?::\d{1,5})?$/.exec(host) ?? [];
	return v6 ?? name ?? "";
}

function isOriginOf(origin: string, host: string): boolean {
	return origin.toLowerCase() === `http://${host}` || origin.toLowerCase() === `https://${host}`;
}

function foreign(): CoveyError {
	return new CoveyError("forbidden", "requests of other web sites are refused");
}
