import type { AuditEvent, TaskView } from "@covey/protocol";
import { CoveyError } from "@covey/protocol";
import type { Handler, OperationContext } from "./context.ts";

/**
 * Who changed what, newest first. A submission is on record with its task, live or ended, and told from there: one more
 * record for each would cost every submission to say the same twice. A cursor has two places: in the audit, and the id
 * of the last task told.
 */
export function createAuditList({ control, history }: OperationContext): Handler<"audit.list"> {
	return async ({ limit, cursor }) => {
		const [place, before] = placesOf(cursor);
		const query = { limit: limit + 1, ...(before !== "" && { before }) };
		// Memory first: what leaves it meanwhile is in history.
		const live = await control.query((fleet) => fleet.tasksById(query));
		const [ended, changes] = await Promise.all([history.byId(query), history.audit({ limit, ...(place !== "" && { cursor: place }) })]);
		const tasks = merge(live, ended);

		const entries: AuditEvent[] = [];
		let [told, submitted] = [0, 0];
		while (entries.length < limit) {
			const change = changes.items[told];
			const task = tasks[submitted];
			if (change !== undefined && (task === undefined || change.at >= task.createdAt)) {
				entries.push(change);
				told++;
			} else if (task !== undefined) {
				entries.push(submissionOf(task));
				submitted++;
			} else break;
		}
		if (told === changes.items.length && changes.next === undefined && submitted === tasks.length) return { entries };
		return { entries, next: `${changes.cursors[told - 1] ?? place}~${tasks[submitted - 1]?.id ?? before}` };
	};
}

/** Of both lists, each in descending order of ids; a live task is newer than what history holds of it. */
function merge(live: readonly TaskView[], ended: readonly TaskView[]): TaskView[] {
	const byId = new Map([...ended, ...live].map((task) => [task.id, task]));
	return [...byId.values()].sort((left, right) => (left.id > right.id ? -1 : 1));
}

/** Its place in the journal is not known any more. */
function submissionOf({ id, createdAt, submitter, asks }: TaskView): AuditEvent {
	const others = asks.slice(1).map((ask) => ask.submitter);
	return {
		type: "audit",
		sequence: 0,
		at: createdAt,
		actor: submitter,
		action: "task.submit",
		subject: id,
		...(others.length > 0 && { detail: `asked for by ${others.join(", ")} too` }),
	};
}

/** @throws CoveyError `bad_request`. */
function placesOf(cursor: string | undefined): [place: string, before: string] {
	if (cursor === undefined) return ["", ""];
	const places = cursor.split("~");
	if (places.length === 2 && /^(t_\w{26})?$/.test(places[1]!)) return places as [string, string];
	throw new CoveyError("bad_request", "cursor: not one that this list gave", { hint: "take the cursor from the page before" });
}
