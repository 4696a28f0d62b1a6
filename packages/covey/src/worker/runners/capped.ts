import type { Assign } from "@covey/protocol";
import type { Runner } from "#ports/runner.ts";

/** What this machine allows at most, whatever a task asks for. Milliseconds; absent: no bound. */
export interface Caps {
	/** From the start of a command to its end. */
	readonly jobMs?: number;
	/** From TERM to KILL. */
	readonly graceMs?: number;
	/** The set-up of its environment. */
	readonly environmentMs?: number;
}

/** The same runner for tasks that ask for more than a machine gives: they get what it gives. */
export function createCapped(runner: Runner, caps: Caps): Runner {
	return { type: runner.type, run: (assign, io, signal) => runner.run(capped(assign, caps), io, signal) };
}

function capped(assign: Assign, { jobMs = Infinity, graceMs = Infinity, environmentMs = Infinity }: Caps): Assign {
	const { policies, payload } = assign;
	const timeoutMs = Math.min(policies.timeoutMs ?? Infinity, jobMs);
	const { environmentTimeoutMs: asked } = payload as { environmentTimeoutMs?: number };
	return {
		...assign,
		policies: { ...policies, graceMs: Math.min(policies.graceMs, graceMs), ...(timeoutMs !== Infinity && { timeoutMs }) },
		...(asked !== undefined && { payload: { ...(payload as object), environmentTimeoutMs: Math.min(asked, environmentMs) } }),
	};
}
