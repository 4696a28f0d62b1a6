import type { EventOf } from "#core/event.ts";
import type { Turn } from "#core/fleet.ts";
import { lose } from "#core/lifecycle/conclude.ts";
import { moveWorker } from "#core/lifecycle/presence.ts";
import { current, tasksOf } from "./session.ts";

/** A link dropped: what the worker runs goes on under its leases. After a goodbye nothing runs, and the leases end now. */
export function disconnect(turn: Turn, event: EventOf<"worker.disconnect">): void {
	const worker = current(turn, event);
	if (worker === undefined) return;
	moveWorker(turn, worker, event.bye ? "gone" : "disconnected");
	if (event.bye) for (const task of tasksOf(turn.fleet, worker)) lose(turn, task, `its worker ${event.worker} left`);
}
