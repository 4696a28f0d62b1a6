import type { WireError } from "@covey/protocol";
import { audit, refuse, reply } from "#core/answer.ts";
import type { EventOf } from "#core/event.ts";
import type { Fleet, Turn } from "#core/fleet.ts";
import { changeWorker } from "#core/lifecycle/presence.ts";
import { seat } from "#core/scheduling/scheduler.ts";
import type { TokenRecord } from "#core/token.ts";
import type { Worker, WorkerRecord } from "#core/worker.ts";

/** A worker becomes known by its name and key. Burns one use of its join token in the same moment. */
export function enrol(turn: Turn, event: EventOf<"worker.enrol">): void {
	const { fleet, now } = turn;
	const { actor, record, replyTo, tokenId } = event;
	const known = fleet.workers.get(record.name);
	const same = known !== undefined && sameIdentity(known.record, record);
	if (same && known.record.revoked) {
		refuse(turn, replyTo, revoked(record.name));
		return;
	}
	const token = tokenId === undefined ? undefined : fleet.tokens.get(tokenId);
	const bad = tokenId === undefined ? undefined : refuseToken(token, record, now);
	// Its first answer was lost: the same worker asks again with the token that it has used up.
	if (same && (bad !== undefined || tokenId === undefined)) {
		reply(turn, replyTo, { ok: true, id: record.name });
		return;
	}
	const refusal = bad ?? refuseName(fleet, known, same, record);
	if (refusal !== undefined) {
		refuse(turn, replyTo, refusal);
		return;
	}
	if (token !== undefined) burn(fleet, token);
	const granted = token === undefined ? record : { ...record, tags: token.tags, namespaces: token.namespaces };
	if (known === undefined) addWorker(fleet, granted);
	else {
		known.record = { ...granted, draining: known.record.draining, revoked: false };
		changeWorker(turn, known);
	}
	fleet.changes.workers.add(record.name);
	audit(turn, actor, "worker.enrol", record.name, token === undefined ? undefined : `with the token ${token.id}`);
	reply(turn, replyTo, { ok: true, id: record.name });
}

/** Takes a worker into memory. It is gone until it connects. */
export function addWorker(fleet: Fleet, record: WorkerRecord): Worker {
	const worker = seat(fleet.scheduler, { record, status: "gone", held: new Map(), slotsUsed: 0 });
	fleet.workers.set(record.name, worker);
	return worker;
}

export function revoked(name: string): WireError {
	return { code: "forbidden", message: `worker ${name} is revoked`, hint: "give its machine a new key, and join it with a new token" };
}

function refuseName(fleet: Fleet, known: Worker | undefined, same: boolean, { name }: WorkerRecord): WireError | undefined {
	if (known !== undefined && !same && !known.record.revoked) {
		return {
			code: "name_in_use",
			message: `a worker with another key is called ${name}`,
			hint: `join with another --name, or free this one first: covey worker revoke ${name}`,
		};
	}
	if (known !== undefined || fleet.workers.size < fleet.config.workersMax) return undefined;
	return {
		code: "too_many",
		message: `the fleet has ${fleet.workers.size} workers, its limit`,
		hint: "raise the limit or use another coordinator",
	};
}

/** One message for all that is wrong with a token, but for its limit to a name, which its owner may know. */
function refuseToken(token: TokenRecord | undefined, { name }: WorkerRecord, now: number): WireError | undefined {
	const joins = token !== undefined && (token.kind === "join" || token.roles.includes("worker"));
	const over = token?.expiresAt !== undefined && token.expiresAt <= now;
	if (!joins || token.revoked || over || token.usesLeft === 0) {
		return {
			code: "unauthenticated",
			message: "the token is unknown, expired, used up or revoked",
			hint: "ask for a new one: covey token create join",
		};
	}
	if (token.name === undefined || token.name === name) return undefined;
	return { code: "forbidden", message: `the token is for the name ${token.name}, not ${name}`, hint: `join with --name ${token.name}` };
}

function burn(fleet: Fleet, token: TokenRecord): void {
	if (token.usesLeft === undefined) return;
	token.usesLeft--;
	fleet.changes.tokens.add(token.id);
}

function sameIdentity({ identity: ours }: WorkerRecord, { identity: theirs }: WorkerRecord): boolean {
	if (ours.kind === "key") return theirs.kind === "key" && ours.publicKey === theirs.publicKey;
	if (ours.kind === "token") return theirs.kind === "token" && ours.tokenId === theirs.tokenId;
	return theirs.kind === "embedded";
}
