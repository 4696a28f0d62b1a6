import type { Agent, AgentEffect, AgentEvent, AgentSession } from "./agent.ts";

/** A new session knows no channels: the coordinator names them anew in its first `synced`. */
export function startSession(agent: Agent, event: Extract<AgentEvent, { type: "connected" }>, now: number): void {
	for (const attempt of agent.attempts.values()) attempt.channel = undefined;
	agent.session = {
		leaseTtlMs: event.leaseTtlMs,
		syncMs: event.syncMs,
		heardAt: event.since,
		sequence: 0,
		assigned: 0,
		nextSyncAt: now,
		sent: new Map(),
	};
}

/** States what runs and what waits to be settled. */
export function sendSync(agent: Agent, session: AgentSession, now: number, effects: AgentEffect[]): void {
	session.sequence++;
	session.nextSyncAt = now + session.syncMs;
	for (const [sequence, at] of session.sent) {
		// An answer this late could not renew anything any more.
		if (now - at >= session.leaseTtlMs) session.sent.delete(sequence);
	}
	session.sent.set(session.sequence, now);
	effects.push({
		type: "send",
		message: {
			type: "sync",
			sequence: session.sequence,
			assigned: session.assigned,
			attempts: Array.from(agent.attempts.values(), ({ assign, state }) => ({
				task: assign.task,
				attempt: assign.attempt,
				state: state === "waiting" ? "preparing" : state,
			})),
			...(agent.pressure !== undefined && { pressure: agent.pressure }),
		},
	});
}
