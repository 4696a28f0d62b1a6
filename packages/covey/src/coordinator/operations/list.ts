import { CoveyError, type OperationRequest, type TaskStatus, type TaskView } from "@covey/protocol";
import { maySee, type Principal, requireNamespace } from "#coordinator/auth/principal.ts";
import type { Task } from "#core/task.ts";
import type { HistoryQuery } from "#ports/history.ts";
import type { Handler, OperationContext } from "./context.ts";
import { showTask } from "./lookup.ts";

type ListRequest = OperationRequest<"task.list">;
type TaskPage = { readonly tasks: TaskView[]; readonly next?: string };

/**
 * One list over memory and history, newest first. Pages go through memory first, which holds what is live, then
 * through history; its cursor says where it is: `m<order>` or `h<history's own>`. What ended while a reader was
 * paging may come twice, and is never left out.
 */
export function createList(context: OperationContext): Handler<"task.list"> {
	const list = async (request: ListRequest, principal: Principal): Promise<TaskPage> => {
		if (request.namespace !== undefined) requireNamespace(principal, request.namespace);
		const { limit, cursor } = request;
		if (cursor?.startsWith("h")) return fromHistory(context, request, principal, limit, cursor.slice(1));
		if (cursor !== undefined && !/^m\d+$/.test(cursor)) throw new CoveyError("bad_request", "cursor: not one that this list gave");
		const before = cursor === undefined ? undefined : Number(cursor.slice(1));
		const matches = matcher(request, principal);
		const live = await context.control.query((fleet) => fleet.tasks({ limit, matches, ...(before !== undefined && { before }) }));
		if (live.next !== undefined) return { tasks: [...live.tasks], next: `m${live.next}` };
		if (live.tasks.length >= limit) return { tasks: [...live.tasks], next: "h" };
		const ended = await fromHistory(context, request, principal, limit - live.tasks.length);
		const seen = new Set(live.tasks.map((task) => task.id));
		return { ...ended, tasks: [...live.tasks, ...ended.tasks.filter((task) => !seen.has(task.id))] };
	};
	return async (request, { principal }) => {
		const page = await list(request, principal);
		return { ...page, tasks: page.tasks.map(showTask) };
	};
}

async function fromHistory(
	{ control, history }: OperationContext,
	request: ListRequest,
	principal: Principal,
	limit: number,
	cursor?: string,
): Promise<TaskPage> {
	const { worker, submitter, type, outcome, text, since } = request;
	const status = statusesOf(request);
	const namespaces = request.namespace !== undefined ? [request.namespace] : principal.namespaces;
	const query: HistoryQuery = Object.fromEntries(
		Object.entries({ limit, cursor: cursor || undefined, status, worker, submitter, type, outcome, text, since }).filter(
			([, value]) => value !== undefined,
		),
	) as unknown as HistoryQuery;
	const page = await history.list(namespaces.length > 0 ? { ...query, namespaces } : query);
	// Re-queued ones are live again, and their newer state is in memory.
	const again = await control.query((fleet) => new Set(page.items.filter(({ id }) => fleet.taskRecord(id)).map(({ id }) => id)));
	return { tasks: page.items.filter(({ id }) => !again.has(id)), ...(page.next !== undefined && { next: `h${page.next}` }) };
}

function matcher(request: ListRequest, principal: Principal): (task: Readonly<Task>) => boolean {
	const statuses = statusesOf(request);
	const words = request.text?.toLowerCase().split(/\s+/).filter(Boolean) ?? [];
	return (task) => {
		const { submission, submitter, createdAt } = task.spec;
		return (
			maySee(principal, submission.namespace) &&
			(request.namespace === undefined || submission.namespace === request.namespace) &&
			(statuses === undefined || statuses.includes(task.status)) &&
			(request.worker === undefined || task.attempts.at(-1)?.worker === request.worker) &&
			(request.submitter === undefined || submitter === request.submitter) &&
			(request.type === undefined || submission.type === request.type) &&
			(request.outcome === undefined || task.outcome === request.outcome) &&
			(request.since === undefined || createdAt >= request.since) &&
			(words.length === 0 || holdsAll(searchText(task), words))
		);
	};
}

function statusesOf({ status }: ListRequest): readonly TaskStatus[] | undefined {
	return status === undefined ? undefined : [status].flat();
}

function searchText({ spec, message }: Readonly<Task>): string {
	const { title, payload } = spec.submission;
	const command = (payload as { command?: unknown } | null)?.command;
	return `${title ?? ""} ${Array.isArray(command) ? command.join(" ") : ""} ${message ?? ""}`.toLowerCase();
}

function holdsAll(text: string, words: readonly string[]): boolean {
	return words.every((word) => text.includes(word));
}
