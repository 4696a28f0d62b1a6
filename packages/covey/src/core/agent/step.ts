import type { AttemptReport, Pressure } from "@covey/protocol";
import { attemptKey } from "@covey/protocol/ids";
import { limits } from "#core/limits.ts";
import type { Agent, AgentAttempt, AgentEffect, AgentEvent, AttemptName } from "./agent.ts";
import { addAttempt, closeAttempt, earliestLease, endAttempt, startWaiting } from "./attempt.ts";
import { stepMessage } from "./message.ts";
import { sendSync, startSession } from "./session.ts";

/**
 * Changes the agent and says what is to be done, in order. `now`: milliseconds of a clock that never goes back and
 * never runs slower than real time, sleep of the machine included. Deterministic.
 */
export function stepAgent(agent: Agent, event: AgentEvent, now: number): AgentEffect[] {
	const effects: AgentEffect[] = [];
	// Whatever else happens, a lease that has ended ends its attempt first.
	fence(agent, now, effects);
	apply(agent, event, now, effects);
	if (agent.session !== undefined && now >= agent.session.nextSyncAt) sendSync(agent, agent.session, now, effects);
	if (mayLeave(agent)) {
		agent.leaving = "left";
		if (agent.session !== undefined) effects.push({ type: "send", message: { type: "bye", reason: "the worker was stopped" } });
		effects.push({ type: "left" });
	}
	return effects;
}

/** When `tick` is due next, at the latest; undefined while nothing waits for time. */
export function nextAgentTimerAt(agent: Agent): number | undefined {
	const at = Math.min(agent.session?.nextSyncAt ?? Number.POSITIVE_INFINITY, agent.fenceAt);
	return at === Number.POSITIVE_INFINITY ? undefined : at;
}

function apply(agent: Agent, event: AgentEvent, now: number, effects: AgentEffect[]): void {
	switch (event.type) {
		case "connected":
			startSession(agent, event, now);
			break;
		case "disconnected":
			agent.session = undefined;
			break;
		case "message":
			stepMessage(agent, event.message, now, effects);
			break;
		case "attempt.started":
			started(agent, event, effects);
			break;
		case "attempt.ended":
			ended(agent, event, event.report, effects);
			break;
		case "recovered":
			for (const { assign, report } of event.attempts) recover(agent, assign, report);
			break;
		case "offer":
			agent.offer = event.offer;
			sendOffer(agent, effects);
			break;
		case "pressure":
			feel(agent, event.pressure, now);
			break;
		case "tick":
			break;
		case "drain":
			if (agent.leaving !== "no") break;
			agent.leaving = "drain";
			sendOffer(agent, effects);
			break;
		case "stop":
			stop(agent, now, effects);
			break;
	}
}

function fence(agent: Agent, now: number, effects: AgentEffect[]): void {
	if (now < agent.fenceAt) return;
	for (const attempt of agent.attempts.values()) {
		if (attempt.state === "ended" || attempt.fenced || now < attempt.leaseUntil) continue;
		attempt.fenced = true;
		endAttempt(agent, attempt, "worker_lost", agent.config.fenceGraceMs, now, effects);
	}
	agent.fenceAt = earliestLease(agent);
}

function started(agent: Agent, name: AttemptName, effects: AgentEffect[]): void {
	const attempt = agent.attempts.get(attemptKey(name.task, name.attempt));
	if (attempt?.state !== "preparing") return;
	attempt.state = "running";
	// Lost or not: the next sync says the same.
	if (agent.session !== undefined) effects.push({ type: "send", message: { type: "started", task: name.task, attempt: name.attempt } });
}

function ended(agent: Agent, name: AttemptName, report: AttemptReport, effects: AgentEffect[]): void {
	const attempt = agent.attempts.get(attemptKey(name.task, name.attempt));
	if (attempt === undefined || attempt.state === "ended") return;
	closeAttempt(agent, attempt, report, effects);
	startWaiting(agent, name.task, effects);
}

/** A change of heart travels at once, numbers with the next sync. */
function feel(agent: Agent, pressure: Pressure, now: number): void {
	const changed = agent.pressure?.admits !== pressure.admits;
	agent.pressure = pressure;
	if (changed && agent.session !== undefined) agent.session.nextSyncAt = now;
}

function recover(agent: Agent, assign: AgentAttempt["assign"], report: AttemptReport): void {
	addAttempt(agent, {
		assign,
		state: "ended",
		leaseUntil: 0,
		ending: undefined,
		fenced: false,
		report,
		channel: undefined,
	});
}

function sendOffer(agent: Agent, effects: AgentEffect[]): void {
	if (agent.session === undefined) return;
	effects.push({ type: "send", message: { type: "offer", offer: offerOf(agent) } });
}

/** What it offers now: nothing while it leaves. */
export function offerOf(agent: Agent): Agent["offer"] {
	return agent.leaving === "no" ? agent.offer : { ...agent.offer, slots: 0 };
}

function stop(agent: Agent, now: number, effects: AgentEffect[]): void {
	if (agent.leaving === "stop" || agent.leaving === "left") return;
	const offered = agent.leaving === "no";
	agent.leaving = "stop";
	if (offered) sendOffer(agent, effects);
	for (const attempt of agent.attempts.values()) {
		const graceMs = Math.min(attempt.assign.policies.graceMs, limits.stopGraceMaxMs);
		endAttempt(agent, attempt, "worker_lost", graceMs, now, effects);
	}
}

/** A drain waits for the coordinator's receipt of every report; a stop without a connection leaves them to the disk. */
function mayLeave(agent: Agent): boolean {
	if (agent.leaving === "drain" || (agent.leaving === "stop" && agent.session !== undefined)) return agent.attempts.size === 0;
	return agent.leaving === "stop" && agent.attempts.values().every((attempt) => attempt.state === "ended");
}
