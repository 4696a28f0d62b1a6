import { audit, refuse, reply } from "#core/answer.ts";
import type { EventOf } from "#core/event.ts";
import type { Turn } from "#core/fleet.ts";

export function createToken(turn: Turn, event: EventOf<"token.create">): void {
	const { fleet } = turn;
	const { actor, record, replyTo } = event;
	if (fleet.tokens.has(record.id)) {
		refuse(turn, replyTo, {
			code: "conflict",
			message: `a token with the id ${record.id} exists`,
			hint: "try again: ids are made by chance",
		});
		return;
	}
	if (fleet.tokens.size >= fleet.config.tokensMax) {
		const message = `the fleet has ${fleet.tokens.size} tokens, its limit`;
		refuse(turn, replyTo, { code: "too_many", message, hint: "give each machine one token for all its work" });
		return;
	}
	fleet.tokens.set(record.id, { ...record });
	fleet.changes.tokens.add(record.id);
	audit(turn, actor, "token.create", record.id, `${record.kind} ${record.label}`.trim());
	reply(turn, replyTo, { ok: true, id: record.id });
}

export function revokeToken(turn: Turn, event: EventOf<"token.revoke">): void {
	const { fleet } = turn;
	const { actor, id, replyTo } = event;
	const token = fleet.tokens.get(id);
	if (token === undefined) {
		refuse(turn, replyTo, { code: "not_found", message: `no token has the id ${id}`, hint: "covey token list shows them" });
		return;
	}
	if (!token.revoked) {
		token.revoked = true;
		fleet.changes.tokens.add(id);
		audit(turn, actor, "token.revoke", id);
	}
	reply(turn, replyTo, { ok: true, id });
}
