import { CoveyError, type Role } from "@covey/protocol";
import type { Actor } from "#core/event.ts";

/** Who calls, proved by a token. */
export interface Principal {
	/** For people and the audit log: `admin`, the token's label or id, or `worker:<name>`. */
	readonly name: string;
	/** Of the token that was shown; keys of a session have the worker's name instead. */
	readonly tokenId: string;
	readonly roles: readonly Role[];
	/** Empty means all. */
	readonly namespaces: readonly string[];
	/** Of the token; absent: never. */
	readonly expiresAt?: number;
	/** Of the token: the worktree that `/mcp` serves with it. */
	readonly worktree?: string;
	/** Set when the token is that of a worker's session. */
	readonly session?: { readonly worker: string; readonly session: string };
}

export function isAdmin(principal: Principal): boolean {
	return principal.roles.includes("admin");
}

export function actorOf(principal: Principal): Actor {
	return { name: principal.name, admin: isAdmin(principal), namespaces: principal.namespaces };
}

export function maySee(principal: Principal, namespace: string): boolean {
	return principal.namespaces.length === 0 || principal.namespaces.includes(namespace);
}

/** @throws CoveyError `forbidden` unless it has one of `roles` or is admin. */
export function requireRole(principal: Principal, roles: readonly Role[]): void {
	if (isAdmin(principal) || roles.some((role) => principal.roles.includes(role))) return;
	const wanted = roles.includes("admin") ? "admin" : roles.join(" or ");
	throw new CoveyError(
		"forbidden",
		`this call wants a token with the role ${wanted}; this one has ${principal.roles.join(", ") || "none"}`,
		{ hint: `an admin makes one: covey token create client --role ${wanted.split(" ")[0]}` },
	);
}

/** @throws CoveyError `forbidden` when the token is for other namespaces. */
export function requireNamespace(principal: Principal, namespace: string): void {
	if (maySee(principal, namespace)) return;
	throw new CoveyError("forbidden", `this token is for ${principal.namespaces.join(", ")}, not for the namespace ${namespace}`, {
		hint: "name one of the token's namespaces with --namespace",
	});
}
