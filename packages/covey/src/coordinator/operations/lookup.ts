import { CoveyError, type TaskView } from "@covey/protocol";
import { maySee, type Principal } from "#coordinator/auth/principal.ts";
import type { OperationContext } from "./context.ts";

/**
 * A task, live or ended.
 * @throws CoveyError `not_found`, also for a task of a namespace that the caller may not see.
 */
export async function findTask({ control, history }: OperationContext, id: string, principal: Principal): Promise<TaskView> {
	// Between the two looks it may leave memory for history, never the other way round without coming back to memory.
	const task = (await control.query((fleet) => fleet.task(id))) ?? (await history.get(id));
	if (task && maySee(principal, task.namespace)) return task;
	throw new CoveyError("not_found", `there is no task ${id}`, { hint: "covey tasks lists them" });
}
