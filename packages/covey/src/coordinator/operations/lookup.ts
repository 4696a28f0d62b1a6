import { CoveyError, type TaskView } from "@covey/protocol";
import { maySee, type Principal } from "#coordinator/auth/principal.ts";
import type { OperationContext } from "./context.ts";

/**
 * A task, live or ended, as readers see it.
 * @throws CoveyError `not_found`, also for a task of a namespace that the caller may not see.
 */
export async function findTask(context: OperationContext, id: string, principal: Principal): Promise<TaskView> {
	return showTask(await findWholeTask(context, id, principal));
}

/** The same with the values of its variables, for the coordinator's own use. @throws as `findTask`. */
export async function findWholeTask({ control, history }: OperationContext, id: string, principal: Principal): Promise<TaskView> {
	// Between the two looks it may leave memory for history, never the other way round without coming back to memory.
	const task = (await control.query((fleet) => fleet.task(id))) ?? (await history.get(id));
	if (task && maySee(principal, task.namespace)) return task;
	throw new CoveyError("not_found", `there is no task ${id}`, { hint: "covey tasks lists them" });
}

/** Which variables a task sets, and not to what: values are often secrets, and whoever may read tasks need not know them. */
export function showTask(task: TaskView): TaskView {
	const { submission } = task;
	const { payload } = submission;
	if (payload === null || typeof payload !== "object" || Array.isArray(payload)) return task;
	const names = Object.keys(payload.environment ?? {});
	if (names.length === 0) return task;
	const environment = Object.fromEntries(names.map((name) => [name, "…"]));
	return { ...task, submission: { ...submission, payload: { ...payload, environment } } };
}
