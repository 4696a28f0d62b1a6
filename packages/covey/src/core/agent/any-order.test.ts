import { Assign, AttemptReport, type V2ToWorkerMessage } from "@covey/protocol";
import { attemptKey } from "@covey/protocol/ids";
import fc from "fast-check";
import { expect, test } from "vitest";
import { type AgentEffect, createAgent } from "./agent.ts";
import { nextAgentTimerAt, stepAgent } from "./step.ts";

const task = (n: number) => `t_${String(n).padStart(26, "0")}`;
const offer = { slots: 3, capabilities: ["run"], tags: {}, os: "linux", arch: "x64", isolation: 0, version: "0", warm: [] };
const leaseTtlMs = 100;
const report = AttemptReport.parse({ outcome: "passed" });

/** What may happen, in any order: messages are lost by not being there, and repeated or late by being there again. */
const happening = fc.oneof(
	{ weight: 6, arbitrary: fc.record({ type: fc.constant("assign" as const), task: fc.nat(3), attempt: fc.integer({ min: 1, max: 4 }) }) },
	{ weight: 6, arbitrary: fc.record({ type: fc.constant("pass" as const), ms: fc.integer({ min: 1, max: 60 }) }) },
	{
		weight: 4,
		arbitrary: fc.record({ type: fc.constant("synced" as const), behind: fc.nat(2), settles: fc.boolean(), resumes: fc.boolean() }),
	},
	{ weight: 3, arbitrary: fc.record({ type: fc.constant("ends" as const), which: fc.nat(5) }) },
	{ weight: 2, arbitrary: fc.record({ type: fc.constant("begins" as const), which: fc.nat(5) }) },
	{ weight: 2, arbitrary: fc.record({ type: fc.constant("cancel" as const), task: fc.nat(3), attempt: fc.integer({ min: 1, max: 4 }) }) },
	{ weight: 1, arbitrary: fc.record({ type: fc.constant("connect" as const) }) },
	{ weight: 1, arbitrary: fc.record({ type: fc.constant("disconnect" as const) }) },
);
type Happening = typeof happening extends fc.Arbitrary<infer T> ? T : never;

/** The shell around the agent: what it has started, told to end, and when. */
class Machine {
	readonly agent = createAgent({ offer, fenceGraceMs: 5 });
	now = 0;
	assigned = 0;
	readonly running = new Map<string, { task: string; attempt: number; leaseUntil: number; toldToEnd: boolean }>();
	readonly everStarted = new Set<string>();
	readonly unsettled = new Set<string>();

	feed(event: Parameters<typeof stepAgent>[1]): AgentEffect[] {
		const effects = stepAgent(this.agent, event, this.now);
		for (const effect of effects) this.perform(effect);
		return effects;
	}

	perform(effect: AgentEffect): void {
		if (effect.type === "start") {
			const { task, attempt } = effect.assign;
			const key = attemptKey(task, attempt);
			for (const other of this.running.values()) expect(other.task, "a task runs twice at once").not.toBe(task);
			expect(this.everStarted.has(key), "an attempt was started twice").toBe(false);
			expect(this.running.size).toBeLessThan(offer.slots);
			this.everStarted.add(key);
			this.running.set(key, { task, attempt, leaseUntil: this.now + leaseTtlMs, toldToEnd: false });
		} else if (effect.type === "end") {
			const process = this.running.get(attemptKey(effect.task, effect.attempt));
			if (process !== undefined) process.toldToEnd = true;
		} else if (effect.type === "forget") {
			expect(this.unsettled.delete(attemptKey(effect.task, effect.attempt)), "something else than a report was forgotten").toBe(true);
		} else if (effect.type === "send" && effect.message.type === "complete") {
			this.unsettled.add(attemptKey(effect.message.task, effect.message.attempt));
		}
	}

	hear(message: V2ToWorkerMessage): AgentEffect[] {
		return this.feed({ type: "message", message });
	}

	pass(ms: number): void {
		const until = this.now + ms;
		for (let at = nextAgentTimerAt(this.agent); at !== undefined && at <= until; at = nextAgentTimerAt(this.agent)) {
			this.now = Math.max(this.now, at);
			this.feed({ type: "tick" });
			for (const process of this.running.values()) {
				const lease = this.agent.attempts.get(attemptKey(process.task, process.attempt))?.leaseUntil ?? 0;
				if (this.now >= lease) expect(process.toldToEnd, "a lease has ended and its attempt runs on").toBe(true);
			}
		}
		this.now = until;
	}
}

function happen(machine: Machine, what: Happening): void {
	const { agent } = machine;
	const process = "which" in what ? [...machine.running.values()][what.which] : undefined;
	switch (what.type) {
		case "assign":
			machine.hear(
				Assign.parse({
					type: "assign",
					sequence: ++machine.assigned,
					task: task(what.task),
					attempt: what.attempt,
					channel: machine.assigned,
					namespace: "default",
					taskType: "run",
					payload: null,
					constraints: {},
					policies: {},
					leaseTtlMs,
				}),
			);
			break;
		case "pass":
			machine.pass(what.ms);
			break;
		case "synced":
			answer(machine, what);
			break;
		case "ends":
			if (process === undefined) break;
			machine.running.delete(attemptKey(process.task, process.attempt));
			machine.unsettled.add(attemptKey(process.task, process.attempt));
			machine.feed({ type: "attempt.ended", task: process.task, attempt: process.attempt, report });
			break;
		case "begins":
			if (process !== undefined) machine.feed({ type: "attempt.started", task: process.task, attempt: process.attempt });
			break;
		case "cancel":
			machine.hear({ type: "cancel", task: task(what.task), attempt: what.attempt, reason: "cancelled", graceMs: 10 });
			break;
		case "connect":
			machine.feed({ type: "connected", since: machine.now, leaseTtlMs, syncMs: 25 });
			machine.assigned = 0;
			break;
		case "disconnect":
			machine.feed({ type: "disconnected" });
			break;
	}
	for (const key of machine.running.keys()) expect(agent.attempts.has(key), "the agent forgot what runs").toBe(true);
	for (const key of machine.unsettled) expect(agent.attempts.get(key)?.state, "a report was lost").toBe("ended");
	const newest = new Map<string, number>();
	for (const { assign, state } of agent.attempts.values()) if (state !== "ended") newest.set(assign.task, assign.constraints.slots);
	expect(agent.slots, "slots were counted wrong").toBe([...newest.values()].reduce((sum, slots) => sum + slots, 0));
}

function answer(machine: Machine, what: Extract<Happening, { type: "synced" }>): void {
	const { agent } = machine;
	const all = [...agent.attempts.values()];
	const name = ({ assign }: (typeof all)[number]) => ({ task: assign.task, attempt: assign.attempt });
	const hasEnded = all.filter(({ state }) => state === "ended").map(name);
	const effects = machine.hear({
		type: "synced",
		sequence: Math.max(0, (agent.session?.sequence ?? 0) - what.behind),
		end: [],
		settled: what.settles ? hasEnded : [],
		resume: what.resumes ? all.map((attempt, i) => ({ ...name(attempt), channel: i + 100, offset: 0 })) : [],
	});
	if (agent.session === undefined) return;
	const repeated = effects.flatMap((effect) => (effect.type === "send" && effect.message.type === "complete" ? [effect.message.task] : []));
	expect(repeated.length, "a report that is not settled is repeated").toBe(what.settles ? 0 : hasEnded.length);
}

test("whatever happens in whatever order: nothing runs twice, nothing outlives its lease, no report is lost", () => {
	fc.assert(
		fc.property(fc.array(happening, { maxLength: 80 }), (story) => {
			const machine = new Machine();
			machine.feed({ type: "connected", since: 0, leaseTtlMs, syncMs: 25 });
			for (const what of story) happen(machine, what);
		}),
		{ numRuns: 500 },
	);
});
