import { Assign, AttemptReport, type V2FromWorkerMessage, type V2ToWorkerMessage } from "@covey/protocol";
import { wireLimits } from "@covey/protocol/limits";
import { expect, test } from "vitest";
import { limits } from "#core/limits.ts";
import { type Agent, type AgentEffect, createAgent, slotsUsed } from "./agent.ts";
import { nextAgentTimerAt, stepAgent } from "./step.ts";

const task = (n = 0) => `t_${String(n).padStart(26, "0")}`;
const offer = { slots: 2, capabilities: ["run"], tags: {}, os: "linux", arch: "x64", isolation: 0, version: "0", warm: [] };
const report = AttemptReport.parse({ outcome: "passed" });
const leaseTtlMs = 100;

function assign(n: number, attempt: number, sequence: number, fields: object = {}): Assign {
	return Assign.parse({
		type: "assign",
		sequence,
		task: task(n),
		attempt,
		channel: sequence,
		namespace: "default",
		taskType: "run",
		payload: null,
		constraints: {},
		policies: { graceMs: 20 },
		leaseTtlMs,
		...fields,
	});
}

/** An agent with its clock, connected unless told otherwise. */
function rig(options: { connected?: boolean } = {}) {
	const agent: Agent = createAgent({ offer, fenceGraceMs: 5 });
	let now = 0;
	const feed = (event: Parameters<typeof stepAgent>[1]) => stepAgent(agent, event, now);
	const connect = () => feed({ type: "connected", since: now, leaseTtlMs, syncMs: 30 });
	if (options.connected !== false) connect();
	return {
		agent,
		feed,
		connect,
		hear: (message: V2ToWorkerMessage) => feed({ type: "message", message }),
		/** Moves time, tick by tick as the timers ask. */
		pass(ms: number): AgentEffect[] {
			const effects: AgentEffect[] = [];
			const until = now + ms;
			for (let at = nextAgentTimerAt(agent); at !== undefined && at <= until; at = nextAgentTimerAt(agent)) {
				now = Math.max(at, now);
				effects.push(...feed({ type: "tick" }));
			}
			now = until;
			return effects;
		},
	};
}

const synced = (sequence: number, fields: object = {}): V2ToWorkerMessage => ({
	type: "synced",
	sequence,
	end: [],
	settled: [],
	resume: [],
	...fields,
});
const kinds = (effects: readonly AgentEffect[]) => effects.map((effect) => (effect.type === "send" ? effect.message.type : effect.type));
const sent = <T extends V2FromWorkerMessage["type"]>(effects: readonly AgentEffect[], type: T) =>
	effects.flatMap((effect) =>
		effect.type === "send" && effect.message.type === type ? [effect.message as Extract<V2FromWorkerMessage, { type: T }>] : [],
	);
const ended = (n: number, attempt: number) => ({ type: "attempt.ended", task: task(n), attempt, report }) as const;

test("a session begins with a sync, and another follows at each interval", () => {
	const { connect, pass } = rig({ connected: false });
	expect(kinds(connect())).toEqual(["sync"]);
	expect(sent(pass(60), "sync").map(({ sequence }) => sequence)).toEqual([2, 3]);
});

test("a drain that was lost is heard with the next answer", () => {
	const { agent, hear } = rig();
	hear(synced(1, { draining: true }));
	expect(sent(hear(assign(1, 1, 1)), "decline")).toMatchObject([{ message: "the worker is draining" }]);
	hear(synced(1));
	expect(agent.draining).toBe(true);
	hear(synced(1, { draining: false }));
	expect(kinds(hear(assign(2, 1, 2)))).toEqual(["start"]);
});

test("an assignment starts once, however often it comes", () => {
	const { hear, connect } = rig();
	expect(kinds(hear(assign(1, 1, 1)))).toEqual(["start"]);
	expect(hear(assign(1, 1, 1))).toEqual([]);
	connect();
	expect(hear(assign(1, 1, 1))).toEqual([]);
});

test("an attempt that was settled does not start again when its assignment comes late", () => {
	const { hear, feed, connect } = rig();
	hear(assign(1, 1, 1));
	feed(ended(1, 1));
	expect(kinds(hear({ type: "settle", task: task(1), attempt: 1 }))).toEqual(["forget"]);
	connect();
	expect(hear(assign(1, 1, 1))).toEqual([]);
	expect(kinds(hear(assign(1, 2, 2)))).toEqual(["start"]);
});

test.each([
	["the type is unknown", (r: ReturnType<typeof rig>) => r.hear(assign(1, 1, 1, { taskType: "bake" })), "no runner for bake"],
	[
		"the slots are taken",
		(r: ReturnType<typeof rig>) => [...r.hear(assign(1, 1, 1)), ...r.hear(assign(2, 1, 2, { constraints: { slots: 2 } }))],
		"1 of 2 slots",
	],
	[
		"the coordinator drains it",
		(r: ReturnType<typeof rig>) => [...r.hear({ type: "drain", draining: true }), ...r.hear(assign(1, 1, 1))],
		"draining",
	],
	[
		"it is leaving",
		(r: ReturnType<typeof rig>) => [...r.hear(assign(2, 1, 1)), ...r.feed({ type: "drain" }), ...r.hear(assign(1, 1, 2))],
		"leaving",
	],
	[
		"the assignment took longer than its lease",
		(r: ReturnType<typeof rig>) => [...r.pass(leaseTtlMs), ...r.hear(assign(1, 1, 1))],
		"its lease had ended",
	],
])("it declines when %s", (_name, act, reason) => {
	const [decline] = sent(act(rig()), "decline");
	expect(decline?.message).toContain(reason);
});

test("a report that nobody settles takes a place in the sync, so at some point nothing more is taken", () => {
	const r = rig({ connected: false });
	r.feed({ type: "recovered", attempts: Array.from({ length: 4096 }, (_, n) => ({ assign: assign(n + 10, 1, 1), report })) });
	r.connect();
	expect(sent(r.hear(assign(1, 1, 1)), "decline")[0]?.message).toContain("wait to be settled");
});

test("a newer attempt of a task ends the older one, waits for its end and uses its slot", () => {
	const { agent, hear, feed } = rig();
	hear(assign(1, 1, 1, { constraints: { slots: 2 } }));
	expect(kinds(hear(assign(1, 2, 2, { constraints: { slots: 2 } })))).toEqual(["end"]);
	expect(slotsUsed(agent)).toBe(2);
	expect(hear(assign(1, 1, 3))).toEqual([]);
	expect(kinds(feed(ended(1, 1)))).toEqual(["complete", "start"]);
});

test("the older attempt is settled while the newer one runs, which is not touched by it", () => {
	const { agent, feed, hear } = rig();
	hear(assign(1, 1, 1));
	hear(assign(1, 2, 2));
	expect(kinds(feed(ended(1, 1)))).toEqual(["complete", "start"]);
	expect(kinds(hear({ type: "settle", task: task(1), attempt: 1 }))).toEqual(["forget"]);
	expect(slotsUsed(agent)).toBe(1);
	expect(kinds(feed(ended(1, 2)))).toEqual(["complete"]);
	expect(slotsUsed(agent)).toBe(0);
});

test("of several newer attempts only the newest ever starts; the others report that they did not", () => {
	const { hear, feed } = rig();
	hear(assign(1, 1, 1));
	hear(assign(1, 2, 2));
	const effects = hear(assign(1, 3, 3));
	expect(sent(effects, "complete")).toMatchObject([{ attempt: 2, report: { outcome: "worker_lost", message: "it never started" } }]);
	expect(feed(ended(1, 1)).filter(({ type }) => type === "start")).toMatchObject([{ assign: { attempt: 3 } }]);
});

test("a sync that was answered renews leases from the time it was sent; an attempt whose lease ends is killed", () => {
	const { hear, pass } = rig();
	hear(assign(1, 1, 1));
	pass(40);
	expect(hear(synced(2))).toEqual([]);
	expect(pass(89).filter(({ type }) => type === "end")).toEqual([]);
	expect(pass(2).filter(({ type }) => type === "end")).toEqual([
		{ type: "end", task: task(1), attempt: 1, reason: "worker_lost", graceMs: 5 },
	]);
});

test("each attempt is killed when its own lease ends, and once", () => {
	const { hear, pass } = rig();
	hear(assign(1, 1, 1));
	hear(assign(2, 1, 2, { leaseTtlMs: 2 * leaseTtlMs }));
	const ends = () => pass(leaseTtlMs).flatMap((effect) => (effect.type === "end" ? [effect.task] : []));
	expect(ends()).toEqual([task(1)]);
	expect(ends()).toEqual([task(2)]);
	expect(ends()).toEqual([]);
});

test("an answer that comes after the lease ended does not revive the attempt", () => {
	const { agent, hear, pass, feed } = rig();
	hear(assign(1, 1, 1));
	pass(120);
	hear(synced(4));
	expect(agent.attempts.get(`${task(1)}.1`)).toMatchObject({ fenced: true, leaseUntil: 100 });
	expect(sent(feed(ended(1, 1)), "complete")).toHaveLength(1);
});

test("an answer to a sync of long ago or of another session renews nothing", () => {
	const { agent, hear, pass, connect } = rig();
	hear(assign(1, 1, 1));
	pass(95);
	connect();
	hear(synced(4));
	hear(synced(77));
	expect(agent.attempts.get(`${task(1)}.1`)?.leaseUntil).toBe(100);
	const other = rig();
	other.pass(200);
	expect([...(other.agent.session?.sent.keys() ?? [])]).toEqual([4, 5, 6, 7]);
});

test("the first reason to end stays, and a later order can only shorten the grace", () => {
	const { hear, pass } = rig();
	hear(assign(1, 1, 1, { policies: { graceMs: 1000 } }));
	const cancel = (reason: "cancelled" | "superseded", graceMs: number) =>
		hear({ type: "cancel", task: task(1), attempt: 1, reason, graceMs });
	expect(cancel("cancelled", 500)).toMatchObject([{ type: "end", reason: "cancelled", graceMs: 500 }]);
	expect(cancel("superseded", 900)).toEqual([]);
	expect(cancel("superseded", 300)).toMatchObject([{ type: "end", reason: "cancelled", graceMs: 300 }]);
	expect(pass(100).filter(({ type }) => type === "end")).toMatchObject([{ reason: "cancelled", graceMs: 5 }]);
});

test("a cancel reaches an attempt that waits, is nothing to one that ended, and to one unknown", () => {
	const { hear, feed } = rig();
	hear(assign(1, 1, 1));
	hear(assign(1, 2, 2));
	const cancel = (n: number, attempt: number) => hear({ type: "cancel", task: task(n), attempt, reason: "cancelled", graceMs: 0 });
	expect(sent(cancel(1, 2), "complete")).toMatchObject([{ attempt: 2, report: { outcome: "cancelled" } }]);
	feed(ended(1, 1));
	expect(cancel(1, 1)).toEqual([]);
	expect(cancel(9, 1)).toEqual([]);
});

test("started is said once, and only of what is being prepared", () => {
	const { hear, feed, agent } = rig();
	hear(assign(1, 1, 1));
	const started = { type: "attempt.started", task: task(1), attempt: 1 } as const;
	expect(kinds(feed(started))).toEqual(["started"]);
	expect(feed(started)).toEqual([]);
	hear(assign(2, 1, 2));
	feed({ type: "disconnected" });
	expect(feed({ ...started, task: task(2) })).toEqual([]);
	expect(agent.attempts.get(`${task(2)}.1`)?.state).toBe("running");
});

test("a report is repeated after each answer until it is settled, and waits for its output to be resumed after a reconnect", () => {
	const { hear, feed, connect } = rig();
	hear(assign(1, 1, 1));
	feed({ type: "disconnected" });
	expect(feed(ended(1, 1))).toEqual([]);
	expect(feed(ended(1, 1))).toEqual([]);
	expect(sent(connect(), "sync")[0]?.attempts).toEqual([{ task: task(1), attempt: 1, state: "ended" }]);
	const resume = [
		{ task: task(1), attempt: 1, channel: 9, offset: 3 },
		{ task: task(5), attempt: 1, channel: 10, offset: 0 },
	];
	expect(kinds(hear(synced(1, { resume })))).toEqual(["resume", "complete"]);
	expect(kinds(hear(synced(2, { resume })))).toEqual(["complete"]);
	expect(kinds(hear(synced(3, { settled: [{ task: task(1), attempt: 1 }] })))).toEqual(["forget"]);
	expect(hear(synced(4))).toEqual([]);
});

test("what an answer says must end is ended; a running attempt is never forgotten alive", () => {
	const { hear, agent } = rig();
	hear(assign(1, 1, 1));
	const name = { task: task(1), attempt: 1 };
	expect(kinds(hear(synced(1, { end: [{ ...name, reason: "worker_lost", graceMs: 0 }], settled: [name] })))).toEqual(["end"]);
	expect(agent.attempts.size).toBe(1);
});

test("what comes without a session, and what is not the agent's affair, changes nothing", () => {
	const { hear, feed } = rig({ connected: false });
	expect(hear(assign(1, 1, 1))).toEqual([]);
	expect(feed({ type: "attempt.started", task: task(1), attempt: 1 })).toEqual([]);
	expect(feed(ended(1, 1))).toEqual([]);
	expect(rig().hear({ type: "ping" })).toEqual([]);
});

test("an offer travels when it changes, and pressure at once when its verdict changes", () => {
	const { feed, pass } = rig();
	expect(sent(feed({ type: "offer", offer: { ...offer, slots: 3 } }), "offer")[0]?.offer.slots).toBe(3);
	const pressure = { cpu: 0, io: 0, memory: 0, admits: true };
	expect(sent(feed({ type: "pressure", pressure }), "sync")[0]?.pressure).toEqual(pressure);
	expect(feed({ type: "pressure", pressure: { ...pressure, cpu: 1 } })).toEqual([]);
	expect(sent(pass(30), "sync")[0]?.pressure?.cpu).toBe(1);
	const offline = rig({ connected: false });
	expect(offline.feed({ type: "offer", offer })).toEqual([]);
	expect(offline.feed({ type: "pressure", pressure })).toEqual([]);
});

test("a drain offers nothing more, lets work end, and leaves when all is settled", () => {
	const { hear, feed } = rig();
	hear(assign(1, 1, 1));
	expect(sent(feed({ type: "drain" }), "offer")[0]?.offer.slots).toBe(0);
	expect(feed({ type: "drain" })).toEqual([]);
	feed(ended(1, 1));
	expect(kinds(hear({ type: "settle", task: task(1), attempt: 1 }))).toEqual(["forget", "bye", "left"]);
	expect(feed({ type: "stop" })).toEqual([]);
	expect(feed({ type: "tick" })).toEqual([]);
});

test("a stop ends what runs; without a session it leaves reports to the disk", () => {
	const { hear, feed } = rig();
	hear(assign(1, 1, 1));
	expect(kinds(feed({ type: "stop" }))).toEqual(["offer", "end"]);
	expect(feed({ type: "stop" })).toEqual([]);
	expect(kinds(feed(ended(1, 1)))).toEqual(["complete"]);
	expect(kinds(feed({ type: "disconnected" }))).toEqual(["left"]);
});

test("a stop does not wait for a grace without measure", () => {
	const { hear, feed } = rig();
	hear(assign(1, 1, 1, { policies: { graceMs: 300_000 } }));
	hear(assign(2, 1, 2));
	const graces = feed({ type: "stop" }).flatMap((effect) => (effect.type === "end" ? [effect.graceMs] : []));
	expect(graces).toEqual([limits.stopGraceMaxMs, 20]);
});

test("a stop after a drain has nothing more to offer, and an idle worker leaves at once", () => {
	const busy = rig();
	busy.hear(assign(1, 1, 1));
	busy.feed({ type: "drain" });
	expect(kinds(busy.feed({ type: "stop" }))).toEqual(["end"]);
	const idle = rig({ connected: false });
	expect(nextAgentTimerAt(idle.agent)).toBeUndefined();
	expect(kinds(idle.feed({ type: "stop" }))).toEqual(["left"]);
});

test("of the tasks that were forgotten only the latest are remembered", () => {
	const { hear, feed } = rig();
	const total = 2 * wireLimits.syncAttemptsMax;
	for (let n = 0; n < total; n++) {
		hear(assign(n, 1, n + 1));
		feed(ended(n, 1));
		hear({ type: "settle", task: task(n), attempt: 1 });
	}
	for (const n of [wireLimits.syncAttemptsMax, total - 1]) expect(kinds(hear(assign(n, 1, total + n + 1)))).toEqual([]);
	expect(kinds(hear(assign(0, 1, 3 * total)))).toEqual(["start"]);
});
