import { isEnded } from "@covey/protocol";
import type { EventOf } from "#core/event.ts";
import type { Turn } from "#core/fleet.ts";
import { letGo } from "#core/lifecycle/move.ts";
import { weightOf } from "#core/weight.ts";

/**
 * History holds these ends: the tasks leave memory and the journal's live set. One that a person revived meanwhile stays,
 * also when it has ended again, until history holds that end.
 */
export function historyHolds({ fleet }: Turn, { tasks }: EventOf<"history.holds">): void {
	for (const { id, attempt, status } of tasks) {
		const task = fleet.tasks.get(id);
		if (task === undefined || !isEnded(task.status) || task.attempt !== attempt || task.status !== status) continue;
		letGo(fleet, task);
		fleet.specBytes -= weightOf(task.spec.submission);
		fleet.changes.tasks.add(id);
	}
}
