import type { AttemptReport } from "@covey/protocol";
import { attemptKey } from "@covey/protocol/ids";
import { wireLimits } from "@covey/protocol/limits";
import type { EndReason } from "#core/effect.ts";
import { type Agent, type AgentAttempt, type AgentEffect, slotsOf } from "./agent.ts";

/**
 * Tells the shell to end it, if that is news: not ended yet, and not already being killed by then. The first reason
 * stays; a later order can only shorten the grace.
 */
export function endAttempt(
	agent: Agent,
	attempt: AgentAttempt,
	reason: EndReason,
	graceMs: number,
	now: number,
	effects: AgentEffect[],
): void {
	if (attempt.state === "ended") return;
	if (attempt.state === "waiting") {
		closeAttempt(agent, attempt, neverRan(reason), effects);
		return;
	}
	const killAt = now + graceMs;
	if (attempt.ending !== undefined && attempt.ending.killAt <= killAt) return;
	attempt.ending = { reason: attempt.ending?.reason ?? reason, killAt };
	const { task, attempt: number } = attempt.assign;
	effects.push({ type: "end", task, attempt: number, reason: attempt.ending.reason, graceMs });
}

/**
 * It has ended with this report. While its output has no channel in this session, the report waits for the
 * coordinator to ask for the rest of that first.
 */
export function closeAttempt(agent: Agent, attempt: AgentAttempt, report: AttemptReport, effects: AgentEffect[]): void {
	const before = slotsOf(agent, attempt.assign.task);
	attempt.state = "ended";
	attempt.report = report;
	agent.slots += slotsOf(agent, attempt.assign.task) - before;
	if (agent.session === undefined || attempt.channel === undefined) return;
	const { task, attempt: number } = attempt.assign;
	effects.push({ type: "send", message: { type: "complete", task, attempt: number, report } });
}

/** Into the books. */
export function addAttempt(agent: Agent, attempt: AgentAttempt): void {
	const { task, attempt: number } = attempt.assign;
	const before = slotsOf(agent, task);
	agent.attempts.set(attemptKey(task, number), attempt);
	agent.byTask.set(task, [...(agent.byTask.get(task) ?? []), attempt]);
	agent.slots += slotsOf(agent, task) - before;
	if (attempt.state !== "ended") agent.fenceAt = Math.min(agent.fenceAt, attempt.leaseUntil);
}

/** Out of the books, once it has ended. A late duplicate of its assignment is known by its number. */
export function dropAttempt(agent: Agent, attempt: AgentAttempt): void {
	const { task, attempt: number } = attempt.assign;
	agent.attempts.delete(attemptKey(task, number));
	const others = agent.byTask.get(task)!.filter((other) => other !== attempt);
	if (others.length > 0) agent.byTask.set(task, others);
	else agent.byTask.delete(task);
	const [lately] = agent.forgotten;
	lately.set(task, Math.max(number, newestForgotten(agent, task)));
	// Half of them at once: taking out the oldest each time would walk over the gaps that others left.
	if (lately.size >= wireLimits.syncAttemptsMax) agent.forgotten = [new Map(), lately];
}

/** Highest number of the attempts of a task that were dropped lately; 0 for none. */
export function newestForgotten({ forgotten: [lately, earlier] }: Agent, task: string): number {
	return lately.get(task) ?? earlier.get(task) ?? 0;
}

/** When the first lease of what runs ends. */
export function earliestLease(agent: Agent): number {
	let at = Number.POSITIVE_INFINITY;
	for (const { state, fenced, leaseUntil } of agent.attempts.values()) if (state !== "ended" && !fenced) at = Math.min(at, leaseUntil);
	return at;
}

/** The older attempt of the task has ended: the newer one that waited for it begins. */
export function startWaiting(agent: Agent, task: string, effects: AgentEffect[]): void {
	for (const attempt of agent.byTask.get(task)!) {
		if (attempt.state !== "waiting") continue;
		attempt.state = "preparing";
		effects.push({ type: "start", assign: attempt.assign });
	}
}

function neverRan(outcome: EndReason): AttemptReport {
	return { outcome, message: "it never started", artifacts: [], missing: [], outputBytes: 0, outputDroppedBytes: 0, timings: {} };
}
