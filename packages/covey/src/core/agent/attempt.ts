import type { AttemptReport } from "@covey/protocol";
import { attemptKey } from "@covey/protocol/ids";
import { wireLimits } from "@covey/protocol/limits";
import type { EndReason } from "#core/effect.ts";
import type { Agent, AgentAttempt, AgentEffect } from "./agent.ts";

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
	attempt.state = "ended";
	attempt.report = report;
	if (agent.session === undefined || attempt.channel === undefined) return;
	const { task, attempt: number } = attempt.assign;
	effects.push({ type: "send", message: { type: "complete", task, attempt: number, report } });
}

/** Out of the books. A late duplicate of its assignment is known by its number. */
export function dropAttempt(agent: Agent, attempt: AgentAttempt): void {
	const { task, attempt: number } = attempt.assign;
	agent.attempts.delete(attemptKey(task, number));
	agent.forgotten.delete(task);
	agent.forgotten.set(task, Math.max(number, agent.forgotten.get(task) ?? 0));
	if (agent.forgotten.size > wireLimits.syncAttemptsMax) {
		const [oldest] = agent.forgotten.keys();
		agent.forgotten.delete(oldest as string);
	}
}

/** The older attempt of the task has ended: the newer one that waited for it begins. */
export function startWaiting(agent: Agent, task: string, effects: AgentEffect[]): void {
	for (const attempt of agent.attempts.values()) {
		if (attempt.assign.task !== task || attempt.state !== "waiting") continue;
		attempt.state = "preparing";
		effects.push({ type: "start", assign: attempt.assign });
	}
}

function neverRan(outcome: EndReason): AttemptReport {
	return { outcome, message: "it never started", artifacts: [], missing: [], outputBytes: 0, outputDroppedBytes: 0, timings: {} };
}
