import type { Fleet } from "@covey/client";
import { CoveyError } from "@covey/protocol/errors";
import type { TaskView } from "@covey/protocol/task";

/** Tasks that are looked through for a prefix: the newest so many. */
const lookedThroughMax = 1000;

/**
 * The task that a person means by an id or by a prefix of one (with or without `t_`).
 * @throws CoveyError `not_found`; `conflict` when several begin so.
 */
export async function findTask(fleet: Fleet, text: string): Promise<TaskView> {
	const id = text.startsWith("t_") ? text : `t_${text}`;
	if (/^t_[0-9a-hjkmnp-tv-z]{26}$/.test(id)) return fleet.call("task.get", { task: id });
	if (!/^t_[0-9a-hjkmnp-tv-z]{1,25}$/.test(id))
		throw new CoveyError("bad_request", `${JSON.stringify(text)} is no task id`, { hint: "covey tasks lists them" });
	const { tasks } = await fleet.call("task.list", { limit: lookedThroughMax });
	const matches = tasks.filter((task) => task.id.startsWith(id));
	const [match, another] = matches;
	if (match === undefined)
		throw new CoveyError("not_found", `none of the newest ${lookedThroughMax} tasks has an id that begins with ${text}`, {
			hint: "give the whole id, or look in covey tasks",
		});
	if (another !== undefined)
		throw new CoveyError("conflict", `${matches.length} tasks have an id that begins with ${text}`, {
			hint: `write more of it, as in ${match.id}`,
		});
	return match;
}
