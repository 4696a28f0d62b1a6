import type { Effect } from "./effect.ts";
import type { Event, EventOf } from "./event.ts";
import type { Fleet, Turn } from "./fleet.ts";
import { placeWoken } from "./scheduling/place.ts";
import { completed, declined, started } from "./step/attempt.ts";
import { cancel } from "./step/cancel.ts";
import { connect, offer } from "./step/connect.ts";
import { disconnect } from "./step/disconnect.ts";
import { drain } from "./step/drain.ts";
import { enrol } from "./step/enrol.ts";
import { historyHolds } from "./step/history.ts";
import { hold } from "./step/hold.ts";
import { resolve } from "./step/resolve.ts";
import { revoke } from "./step/revoke.ts";
import { submit } from "./step/submit.ts";
import { sync } from "./step/sync.ts";
import { tick } from "./step/tick.ts";
import { createToken, revokeToken } from "./step/token.ts";

const handlers: { readonly [T in Event["type"]]: (turn: Turn, event: EventOf<T>) => void } = {
	tick,
	"task.submit": submit,
	"task.cancel": cancel,
	"task.hold": hold,
	"task.resolve": resolve,
	"worker.enrol": enrol,
	"worker.connect": connect,
	"worker.offer": offer,
	"worker.sync": sync,
	"worker.disconnect": disconnect,
	"worker.drain": drain,
	"worker.revoke": revoke,
	"attempt.started": started,
	"attempt.completed": completed,
	"attempt.declined": declined,
	"token.create": createToken,
	"token.revoke": revokeToken,
	"history.holds": historyHolds,
};

/**
 * Lets one thing happen to the fleet: changes its state, places what can be placed, and returns what is to be done once
 * the changed records (`takeChanges`) are durable. Deterministic; an expected failure is a reply, never a throw.
 * `now` is in milliseconds since 1970; a time before the latest one seen counts as that one.
 *
 * @throws AssertionError on a broken belief of ours, after which the fleet must not be used.
 */
export function step(fleet: Fleet, event: Event, now: number): Effect[] {
	fleet.clock = Math.max(fleet.clock, now);
	const turn: Turn = { fleet, now: fleet.clock, effects: [] };
	(handlers[event.type] as (turn: Turn, event: Event) => void)(turn, event);
	placeWoken(turn);
	return turn.effects;
}

/** When the earliest timer is due; a `tick` then fires it. */
export function nextTimerAt(fleet: Fleet): number | undefined {
	return fleet.timers.peek()?.at;
}
