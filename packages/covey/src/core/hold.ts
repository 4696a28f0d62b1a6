import type { Ask } from "@covey/protocol";
import type { Fleet } from "./fleet.ts";
import { setTimer, type Timer } from "./timers.ts";

/**
 * The presence of an asker that wants its ask to live no longer than itself. Not journalled: after a restart every hold
 * gets one full term, in which its asker may renew it.
 */
export interface Hold {
	readonly task: string;
	readonly ask: string;
	/** How long the asker may be silent. */
	readonly ms: number;
	until: number;
	timer?: Timer;
}

/** Begins the hold of an ask that wants one. */
export function holdAsk({ holds, timers }: Fleet, task: string, { id, holdMs }: Ask, now: number): void {
	if (holdMs === undefined) return;
	const hold: Hold = { task, ask: id, ms: holdMs, until: now + holdMs };
	holds.set(id, hold);
	setTimer(timers, hold, hold.until);
}

/** The asker is still there. The timer stays where it is and looks again when it fires. False: there is no such hold. */
export function renewHold({ holds }: Fleet, task: string, ask: string, now: number): boolean {
	const hold = holds.get(ask);
	if (hold?.task !== task) return false;
	hold.until = now + hold.ms;
	return true;
}
