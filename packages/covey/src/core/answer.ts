import type { WireError } from "@covey/protocol";
import { noteAudit } from "./changes.ts";
import type { Reply } from "./effect.ts";
import type { Actor, ReplyTo } from "./event.ts";
import type { Turn } from "./fleet.ts";

/** Answers the asker of an event. */
export function reply({ effects }: Turn, to: ReplyTo, value: Reply): void {
	effects.push({ type: "reply", to, value });
}

export function refuse(turn: Turn, to: ReplyTo, error: WireError): void {
	reply(turn, to, { ok: false, error });
}

/** Puts on record who changed what. */
export function audit(turn: Turn, actor: Actor, action: string, subject: string, detail?: string): void {
	const record = { at: turn.now, actor: actor.name, action, subject, ...(detail !== undefined && { detail }) };
	noteAudit(turn.fleet, record);
	turn.effects.push({ type: "notify", event: { type: "audit", ...record } });
}

/** Empty means all. */
export function mayUse(actor: Actor, namespace: string): boolean {
	return actor.admin || actor.namespaces.length === 0 || actor.namespaces.includes(namespace);
}

export function namespaceRefused(actor: Actor, namespace: string): WireError {
	return {
		code: "forbidden",
		message: `${actor.name} may not use the namespace ${namespace}`,
		hint: `it may use ${actor.namespaces.join(", ")}; an admin makes a token for more with: covey token create`,
	};
}

export function workerUnknown(name: string): WireError {
	return { code: "not_found", message: `no worker is called ${name}`, hint: "covey workers lists them" };
}
