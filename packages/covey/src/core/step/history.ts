import { isEnded } from "@covey/protocol";
import type { EventOf } from "#core/event.ts";
import type { Turn } from "#core/fleet.ts";
import { letGo } from "#core/lifecycle/move.ts";

/** History holds these tasks: those that have ended leave memory and the journal's live set. One that a person revived stays. */
export function historyHolds({ fleet }: Turn, { tasks }: EventOf<"history.holds">): void {
	for (const id of tasks) {
		const task = fleet.tasks.get(id);
		if (task === undefined || !isEnded(task.status)) continue;
		letGo(fleet, task);
		fleet.changes.tasks.add(id);
	}
}
