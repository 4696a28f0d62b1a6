import { CoveyError, isEnded, type TaskView } from "@covey/protocol";
import { actorOf, type Principal } from "#coordinator/auth/principal.ts";
import { Pulse } from "#coordinator/events/pulse.ts";
import type { Task } from "#core/task.ts";
import type { Handlers, OperationContext } from "./context.ts";
import { createList } from "./list.ts";
import { findTask, findWholeTask } from "./lookup.ts";
import { snapshotOf } from "./pins.ts";
import { createSubmit } from "./submit.ts";
import { createTail } from "./tail.ts";

type TaskHandlers = Pick<
	Handlers,
	"task.submit" | "task.list" | "task.get" | "task.wait" | "task.tail" | "task.cancel" | "task.hold" | "task.resolve" | "task.explain"
>;

export function createTaskHandlers(context: OperationContext): TaskHandlers {
	const { control, clock, pins } = context;
	return {
		"task.submit": createSubmit(context),
		"task.list": createList(context),
		"task.get": ({ task }, { principal }) => findTask(context, task, principal),

		"task.wait": async ({ task, timeoutMs }, { principal, signal }) => waitForEnd(context, task, principal, timeoutMs, signal),

		"task.tail": createTail(context),

		"task.cancel": async ({ task, ask, force }, { principal }) => {
			const found = await findTask(context, task, principal);
			if (isEnded(found.status)) throw new CoveyError("transition_refused", `${task} has ended already: ${found.outcome ?? found.status}`);
			await control.ask({ type: "task.cancel", actor: actorOf(principal), task, force, ...(ask !== undefined && { ask }) });
			return findTask(context, task, principal);
		},

		"task.hold": async ({ holds }, { principal }) => {
			const { lost = [] } = await control.ask({ type: "task.hold", actor: actorOf(principal), holds });
			return { lost: [...lost] };
		},

		"task.resolve": async ({ task, to, message }, { principal }) => {
			const found = await findWholeTask(context, task, principal);
			const live = await control.query((fleet) => fleet.taskRecord(task) !== undefined);
			const snapshot = to === "pending" ? snapshotOf(found.submission.payload) : undefined;
			if (snapshot) await pins.holdStored(task, found.namespace, snapshot);
			try {
				await control.ask({
					type: "task.resolve",
					actor: actorOf(principal),
					task,
					to,
					...(message !== undefined && { message }),
					...(!live && { ended: recordOf(found) }),
				});
			} catch (error) {
				await pins.releaseRefused([task], control);
				throw error;
			}
			return findTask(context, task, principal);
		},

		"task.explain": async ({ task }, { principal }) => {
			const found = await findTask(context, task, principal);
			const live = await control.query((fleet) => fleet.explain(task, clock.now()));
			return live ?? explainEnded(found);
		},
	};
}

async function waitForEnd(
	context: OperationContext,
	id: string,
	principal: Principal,
	timeoutMs: number,
	signal: AbortSignal,
): Promise<TaskView> {
	const deadline = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
	const pulse = new Pulse();
	using _watch = context.feed.watch(id, pulse.beat);
	deadline.addEventListener("abort", pulse.beat);
	for (;;) {
		const { next } = pulse;
		const task = await findTask(context, id, principal);
		if (isEnded(task.status) || deadline.aborted) return task;
		await next;
	}
}

/** The record that an ended task comes back to life with. Its place in the queue is a new one, given by the core. */
function recordOf(view: TaskView): Task {
	const {
		id,
		submission,
		submitter,
		createdAt,
		status,
		updatedAt,
		endedAt,
		outcome,
		exitCode,
		message,
		asks,
		attempt,
		attempts,
		placement,
	} = view;
	return {
		spec: { id, submission, submitter, createdAt },
		status,
		updatedAt,
		...(endedAt !== undefined && { endedAt }),
		...(outcome !== undefined && { outcome }),
		...(exitCode !== undefined && { exitCode }),
		...(message !== undefined && { message }),
		asks,
		attempt,
		attempts,
		placements: placement ? [placement] : [],
		pendingSince: createdAt,
		order: 0,
	};
}

function explainEnded(task: TaskView) {
	return {
		task: task.id,
		status: task.status,
		sentence: task.placement?.sentence ?? `it ended as ${task.outcome ?? task.status} without having been placed`,
		candidates: task.placement?.candidates ?? [],
		placements: task.placement ? [task.placement] : [],
	};
}
