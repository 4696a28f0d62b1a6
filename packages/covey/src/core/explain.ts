import { type Candidate, type Explanation, outcomes } from "@covey/protocol";
import type { Fleet } from "./fleet.ts";
import { classOfTicket, readySince } from "./lifecycle/wait.ts";
import { limits } from "./limits.ts";
import type { WorkClass } from "./scheduling/class.ts";
import { needsOf } from "./scheduling/class.ts";
import { exclusion, isTargeted, type Needs } from "./scheduling/match.ts";
import { bidOf } from "./scheduling/rank.ts";
import { spares } from "./scheduling/reserve.ts";
import { isEmbedded, openSlots } from "./scheduling/scheduler.ts";
import type { Task } from "./task.ts";
import type { Worker } from "./worker.ts";

/** Why a task waits, worker by worker, or why it went where it did; undefined for a task that is not in memory. */
export function explain(fleet: Fleet, id: string, now: number): Explanation | undefined {
	const task = fleet.tasks.get(id);
	if (task === undefined) return undefined;
	const placements = task.placements.slice();
	const told = { task: id, status: task.status, placements };
	if (task.status !== "pending") return { ...told, sentence: placedSentence(task), candidates: placements.at(-1)?.candidates ?? [] };
	const workClass = task.ticket && classOfTicket(fleet, task.ticket);
	const ahead = task.ticket && workClass?.queue.ahead(task.ticket);
	const { fitting, away, candidates, total } = weigh(fleet, task, workClass, now);
	return {
		...told,
		sentence: waitingSentence({ task, workClass, ahead: ahead ?? 0, fitting, away, total, now }),
		...(ahead !== undefined && { ahead }),
		candidates,
	};
}

function placedSentence(task: Task): string {
	const placed = task.placements.at(-1)?.sentence;
	const ended = task.outcome && `${task.status}: ${task.message ?? outcomes[task.outcome].sentence}`;
	return [placed, ended].filter((part) => part !== undefined).join("; ");
}

interface Waiting {
	readonly task: Task;
	readonly workClass: WorkClass | undefined;
	readonly ahead: number;
	/** Workers that could run it, busy or not, and workers in all. */
	readonly fitting: number;
	/** Of those that fit, the ones that take no work at all now: "cores (draining: takes no new work)". */
	readonly away: readonly string[];
	readonly total: number;
	readonly now: number;
}

function waitingSentence({ task, workClass, ahead, fitting, away, total, now }: Waiting): string {
	if (workClass === undefined) {
		const left = seconds((task.waitUntil as number) - now);
		return task.attempt === 0 ? `waits ${left} more, as asked for` : `waits ${left} before it is tried again`;
	}
	if (total === 0) return "waits for a worker: none has ever joined";
	if (fitting === 0) return `waits for a worker that meets its constraints: none of ${total} does`;
	if (away.length === fitting)
		return `waits for ${fitting === 1 ? "the one worker" : `one of the ${fitting} workers`} that fits: ${away[0]}`;
	const { machine, slots } = workClass.needs.constraints;
	const queue = `${ahead === 0 ? "it is next" : `${ahead} ${ahead === 1 ? "task is" : "tasks are"} ahead of it`}${keptSentence(task, workClass)}`;
	if (!workClass.needs.wished)
		return `waits for ${slots === 1 ? "a free slot" : `${slots} free slots`} on ${machine ?? (fitting === 1 ? "the one worker" : `one of ${fitting} workers`)} that fits; ${queue}`;
	const spillMs = readySince(task) + task.spec.submission.prefer!.spillMs - now;
	return `waits for ${machine}, which it prefers, for ${seconds(spillMs)} more and then for any; ${queue}`;
}

function keptSentence(task: Task, workClass: WorkClass): string {
	if (workClass.reserved === undefined) return "";
	return `; ${workClass.reserved.record.name} is kept free for ${workClass.queue.peek()?.task === task ? "it" : nameOf(workClass)}`;
}

/** The task that comes first in a class with waiting tasks. */
function nameOf({ queue, needs }: WorkClass): string {
	return `${queue.peek()!.task.spec.id}, which wants ${needs.constraints.slots} slots`;
}

/** Each worker's bid, or what keeps it from bidding now. Workers that fit come first. */
function weigh(
	fleet: Fleet,
	task: Task,
	workClass: WorkClass | undefined,
	now: number,
): { fitting: number; away: string[]; total: number; candidates: Candidate[] } {
	const needs = needsOf(task.spec.submission, false);
	const fit: Candidate[] = [];
	const unfit: Candidate[] = [];
	const away: string[] = [];
	let fitting = 0;
	for (const worker of fleet.workers.values()) {
		const { name } = worker.record;
		const excluded = exclusion(needs, worker);
		if (excluded !== undefined) {
			if (unfit.length < limits.candidatesMax) unfit.push({ worker: name, excluded });
			continue;
		}
		fitting++;
		const absence = absenceOf(worker);
		if (absence !== undefined) away.push(`${name} (${absence})`);
		if (fit.length === limits.candidatesMax) continue;
		const obstacle = obstacleOf(worker, needs, workClass, task, now);
		fit.push(obstacle === undefined ? { worker: name, bid: bidOf(worker, task) } : { worker: name, excluded: obstacle });
	}
	return { fitting, away, total: fleet.workers.size, candidates: [...fit, ...unfit].slice(0, limits.candidatesMax) };
}

/** Why a worker takes nothing, whatever it is. */
function absenceOf({ record, status }: Worker): string | undefined {
	if (record.revoked) return "revoked";
	if (status !== "connected") return status === "gone" ? "not connected" : "disconnected; its leases run on";
	return record.draining ? "draining: takes no new work" : undefined;
}

/** Why a worker that could do it does not now. */
function obstacleOf(worker: Worker, needs: Needs, workClass: WorkClass | undefined, task: Task, now: number): string | undefined {
	const { record, offer, slotsUsed, pressure, standing } = worker;
	const absence = absenceOf(worker);
	if (absence !== undefined) return absence;
	if (standing.benched) return "declined work: asked again after its next word";
	if (pressure?.admits === false && slotsUsed > 0) return `under pressure (${worst(pressure)}): takes nothing more while it runs something`;
	const open = openSlots(worker);
	if (open < needs.constraints.slots)
		return `busy: ${slotsUsed} of ${offer!.slots} slots used${needs.constraints.slots > 1 ? `, ${needs.constraints.slots} wanted` : ""}`;
	if (workClass !== undefined && !spares(worker, workClass, task)) return `kept free for ${nameOf(standing.reservedFor as WorkClass)}`;
	if (workClass?.needs.wished && workClass.needs.constraints.machine !== record.name)
		return `free, but ${workClass.needs.constraints.machine} is preferred`;
	if (!isEmbedded(worker) || isTargeted(needs, record.name) || typeof needs.fallback === "string") return undefined;
	return `the coordinator's own worker: may take it in ${seconds(readySince(task) + needs.fallback.afterMs - now)}`;
}

function worst({ cpu, io, memory }: NonNullable<Worker["pressure"]>): string {
	const [name, value] = Object.entries({ cpu, io, memory }).reduce((left, right) => (right[1] > left[1] ? right : left));
	return `${name} ${Math.round(value * 100)} %`;
}

function seconds(ms: number): string {
	return `${Math.max(0, Math.ceil(ms / 1000))} s`;
}
