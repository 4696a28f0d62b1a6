import type { Assign, V2ToWorkerMessage } from "@covey/protocol";
import { attemptKey } from "@covey/protocol/ids";
import { wireLimits } from "@covey/protocol/limits";
import { type Agent, type AgentEffect, type AgentSession, type AttemptName, slotsUsed } from "./agent.ts";
import { addAttempt, dropAttempt, earliestLease, endAttempt, newestForgotten } from "./attempt.ts";

type Synced = Extract<V2ToWorkerMessage, { type: "synced" }>;

/** What the coordinator says. The handshake, pings and output acknowledgements are the link's and the spool's affair. */
export function stepMessage(agent: Agent, message: V2ToWorkerMessage, now: number, effects: AgentEffect[]): void {
	if (agent.session === undefined) return;
	switch (message.type) {
		case "assign":
			assigned(agent, agent.session, message, now, effects);
			break;
		case "cancel":
			ordered(agent, message, now, effects);
			break;
		case "settle":
			settled(agent, message, effects);
			break;
		case "synced":
			synced(agent, agent.session, message, now, effects);
			break;
		case "drain":
			agent.draining = message.draining;
			break;
		default:
			break;
	}
}

/** The same attempt again starts nothing; a newer attempt of a task ends the older ones, and waits for that. */
function assigned(agent: Agent, session: AgentSession, assign: Assign, now: number, effects: AgentEffect[]): void {
	// The link keeps order: an older number is a duplicate.
	if (assign.sequence <= session.assigned) return;
	session.assigned = assign.sequence;
	if (isKnown(agent, assign)) return;
	const leaseUntil = session.heardAt + assign.leaseTtlMs;
	const refusal = reasonToDecline(agent, assign, leaseUntil, now);
	if (refusal !== undefined) {
		effects.push({ type: "send", message: { type: "decline", task: assign.task, attempt: assign.attempt, message: refusal } });
		return;
	}
	const older = agent.byTask.get(assign.task) ?? [];
	for (const attempt of older) endAttempt(agent, attempt, "worker_lost", assign.policies.graceMs, now, effects);
	const waits = older.some((attempt) => attempt.state !== "ended");
	addAttempt(agent, {
		assign,
		state: waits ? "waiting" : "preparing",
		leaseUntil,
		ending: undefined,
		fenced: false,
		report: undefined,
		channel: assign.channel,
	});
	if (!waits) effects.push({ type: "start", assign });
}

function isKnown(agent: Agent, assign: Assign): boolean {
	if (newestForgotten(agent, assign.task) >= assign.attempt) return true;
	return agent.byTask.get(assign.task)?.some(({ assign: known }) => known.attempt >= assign.attempt) ?? false;
}

function reasonToDecline(agent: Agent, assign: Assign, leaseUntil: number, now: number): string | undefined {
	if (agent.leaving !== "no") return "the worker is leaving";
	if (agent.draining) return "the worker is draining";
	if (!agent.offer.capabilities.includes(assign.taskType)) return `the worker has no runner for ${assign.taskType}`;
	if (now >= leaseUntil) return "the assignment came when its lease had ended";
	const used = slotsUsed(agent, assign.task);
	if (used + assign.constraints.slots > agent.offer.slots) return `${used} of ${agent.offer.slots} slots are taken`;
	if (agent.attempts.size >= wireLimits.syncAttemptsMax) return "too many reports wait to be settled";
	return undefined;
}

function ordered(
	agent: Agent,
	order: AttemptName & { readonly reason: "cancelled" | "superseded" | "worker_lost"; readonly graceMs: number },
	now: number,
	effects: AgentEffect[],
): void {
	const attempt = agent.attempts.get(attemptKey(order.task, order.attempt));
	if (attempt !== undefined) endAttempt(agent, attempt, order.reason, order.graceMs, now, effects);
}

/** Only an ended attempt can be settled: what still runs is ended by `cancel` or `synced.end`, never forgotten alive. */
function settled(agent: Agent, name: AttemptName, effects: AgentEffect[]): void {
	const attempt = agent.attempts.get(attemptKey(name.task, name.attempt));
	if (attempt?.state !== "ended") return;
	dropAttempt(agent, attempt);
	effects.push({ type: "forget", task: name.task, attempt: name.attempt });
}

/**
 * The answer to one of our syncs: renews every lease from the time that sync was sent (later assignments hold a later
 * one already), ends and settles what it names, resumes output, and then hears every report once more.
 */
function synced(agent: Agent, session: AgentSession, message: Synced, now: number, effects: AgentEffect[]): void {
	const sentAt = session.sent.get(message.sequence);
	for (const sequence of session.sent.keys()) {
		if (sequence <= message.sequence) session.sent.delete(sequence);
	}
	if (sentAt !== undefined) renew(agent, session, sentAt);
	if (message.draining !== undefined) agent.draining = message.draining;
	for (const order of message.end) ordered(agent, order, now, effects);
	for (const name of message.settled) settled(agent, name, effects);
	for (const { task, attempt: number, channel, offset } of message.resume) {
		const attempt = agent.attempts.get(attemptKey(task, number));
		// On the channel that it already flows on nothing is lost while the session lasts.
		if (attempt === undefined || attempt.channel === channel) continue;
		attempt.channel = channel;
		effects.push({ type: "resume", task, attempt: number, channel, offset });
	}
	for (const { assign, report } of agent.attempts.values()) {
		if (report === undefined) continue;
		effects.push({ type: "send", message: { type: "complete", task: assign.task, attempt: assign.attempt, report } });
	}
}

function renew(agent: Agent, session: AgentSession, sentAt: number): void {
	session.heardAt = Math.max(session.heardAt, sentAt);
	for (const attempt of agent.attempts.values()) {
		if (!attempt.fenced) attempt.leaseUntil = Math.max(attempt.leaseUntil, sentAt + attempt.assign.leaseTtlMs);
	}
	agent.fenceAt = earliestLease(agent);
}
