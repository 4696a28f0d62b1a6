import { expect, test } from "vitest";
import { actor, admin, Scene } from "#core/fleet.fixture.ts";
import { resume } from "#core/fleet.ts";
import { limits } from "#core/limits.ts";

test("a submission that meets a free worker is placed in the same step, as one record", () => {
	const scene = new Scene();
	scene.connect("box");
	scene.changes();
	const task = scene.submit();
	expect(task.status).toBe("claimed");
	expect(scene.effects.map((effect) => effect.type)).toEqual(["notify", "reply", "assign", "notify"]);
	expect(scene.changes().map(({ kind, id }) => [kind, id])).toEqual([
		["meta", "fleet"],
		["spec", task.spec.id],
		["task", task.spec.id],
	]);
	expect(scene.changes()).toEqual([]);
});

test("all of a submission is accepted, or none", () => {
	const scene = new Scene({ tasksLiveMax: 2 });
	expect(scene.trySubmit([{}, {}, {}])).toMatchObject({
		ok: false,
		error: { code: "too_many", message: expect.stringContaining("limit of 2") },
	});
	expect(scene.trySubmit([{}, { namespace: "prod" }], actor("ann", ["default"]))).toMatchObject({
		ok: false,
		error: { code: "forbidden", message: "ann may not use the namespace prod", hint: expect.stringContaining("default") },
	});
	expect(scene.fleet.tasks.size).toBe(0);
	expect(scene.trySubmit([{}, {}])).toMatchObject({ ok: true });
	expect(scene.trySubmit([{ dedupKey: "x" }])).toMatchObject({ ok: false });
});

test("what live tasks weigh is bounded: more are refused until history holds some, also after a restart", () => {
	const scene = new Scene({ specBytesMax: 10_000 });
	const heavy = { payload: { command: ["x".repeat(10_000)] } };
	const first = scene.submit({ ...heavy, dedupKey: "x" });
	const refusal = { ok: false, error: { code: "too_many", message: expect.stringContaining("limit of 10000"), hint: expect.any(String) } };
	expect(scene.trySubmit([{}])).toMatchObject(refusal);
	expect(scene.trySubmit([{ dedupKey: "x" }])).toMatchObject({ ok: true });
	const held = scene.fleet.specBytes;
	resume(scene.fleet, scene.now);
	expect(scene.fleet.specBytes).toBe(held);
	expect(scene.trySubmit([{}])).toMatchObject(refusal);
	scene.ask({ type: "task.cancel", actor: admin, task: first.spec.id, force: false });
	scene.do({ type: "history.holds", tasks: [{ id: first.spec.id, attempt: first.attempt, status: first.status }] });
	expect(scene.fleet.specBytes).toBe(0);
	expect(scene.trySubmit([{}])).toMatchObject({ ok: true });
});

test("a repeated dedup key finds the first task, also after it ended and at the limit, and keeps its ask", () => {
	const scene = new Scene({ tasksLiveMax: 1 });
	const first = scene.submit({ dedupKey: "x" });
	expect(scene.trySubmit([{ dedupKey: "x" }])).toMatchObject({
		results: [{ task: first.spec.id, ask: first.asks[0]!.id, deduplicated: true }],
	});
	expect(scene.trySubmit([{ dedupKey: "x" }], actor("ben"))).toMatchObject({ results: [{ task: first.spec.id, deduplicated: true }] });
	expect(first.asks.map((ask) => ask.submitter)).toEqual(["ann", "ben"]);
	scene.ask({ type: "task.cancel", actor: admin, task: first.spec.id, force: false });
	expect(scene.trySubmit([{ dedupKey: "x" }], actor("cat"))).toMatchObject({ results: [{ ask: first.asks[0]!.id, deduplicated: true }] });
	expect(scene.trySubmit([{ dedupKey: "x", namespace: "other" }], admin)).toMatchObject({ ok: false });
});

test("a dedup key that names two tasks of one submission makes one", () => {
	const scene = new Scene();
	expect(scene.trySubmit([{ dedupKey: "x" }, { dedupKey: "x" }])).toMatchObject({
		results: [{ deduplicated: false }, { deduplicated: true }],
	});
	expect(scene.fleet.tasks.size).toBe(1);
});

test("a dedup hit adds no ask to a task that has as many as it may, or is being cancelled", () => {
	const scene = new Scene();
	const full = scene.submit({ dedupKey: "x" });
	for (let at = 1; at < limits.asksMax; at++) scene.submit({ dedupKey: "x" }, actor(`person ${at}`));
	expect(full.asks).toHaveLength(limits.asksMax);
	expect(scene.trySubmit([{ dedupKey: "x" }], actor("late"))).toMatchObject({ results: [{ ask: full.asks[0]!.id }] });
	scene.connect("box");
	const dying = scene.submit({ dedupKey: "y" });
	scene.connect("box2");
	expect(full.status).toBe("claimed");
	scene.ask({ type: "task.cancel", actor: admin, task: dying.spec.id, force: false });
	scene.submit({ dedupKey: "y" }, actor("late"));
	expect(dying.asks).toHaveLength(1);
});

test("equal work in flight runs once and answers all who asked, until it is cancelled or ended", () => {
	const scene = new Scene();
	const first = scene.submit({ mergeKey: "tree+command" });
	expect(scene.trySubmit([{ mergeKey: "tree+command" }], actor("ben"))).toMatchObject({
		results: [{ task: first.spec.id, ask: first.asks[1]!.id, merged: true, deduplicated: false }],
	});
	scene.connect("box");
	expect(scene.submit({ mergeKey: "tree+command" })).toBe(first);
	scene.ask({ type: "task.cancel", actor: admin, task: first.spec.id, force: false });
	expect(first.cancel).toBeDefined();
	const second = scene.submit({ mergeKey: "tree+command" });
	expect(second).not.toBe(first);
	scene.complete(first, { outcome: "cancelled" });
	expect(second.status).toBe("claimed");
	scene.complete(second);
	expect(scene.submit({ mergeKey: "tree+command" })).not.toBe(second);
});

test("a more urgent ask makes the merged task as urgent, wherever it waits, and across a restart", () => {
	const scene = new Scene();
	const first = scene.submit();
	const merged = scene.submit({ mergeKey: "m", priority: -1 });
	scene.submit({ mergeKey: "m", priority: -5 });
	expect(scene.view.task(merged.spec.id)?.priority).toBe(-1);
	scene.submit({ mergeKey: "m", priority: 3 }, actor("ben"));
	expect(scene.view.task(merged.spec.id)?.priority).toBe(3);
	expect(scene.changes()).toContainEqual(expect.objectContaining({ id: merged.spec.id, value: expect.objectContaining({ raisedTo: 3 }) }));
	scene.connect("box");
	expect([merged.status, first.status]).toEqual(["claimed", "pending"]);
	scene.submit({ mergeKey: "m", priority: 9 });
	scene.complete(merged, { outcome: "worker_lost" });
	expect(merged).toMatchObject({ status: "claimed", attempt: 2, raisedTo: 9 });
	const held = scene.submit({ mergeKey: "later", notBefore: scene.now + 1000 });
	scene.submit({ mergeKey: "later", priority: 10 });
	scene.pass(1000);
	scene.complete(merged);
	expect([held.status, first.status]).toEqual(["claimed", "pending"]);
});

test("a task that answers as many asks as it may is not merged into", () => {
	const scene = new Scene();
	const first = scene.submit({ mergeKey: "m" });
	for (let at = 1; at < limits.asksMax; at++) expect(scene.submit({ mergeKey: "m" })).toBe(first);
	const second = scene.submit({ mergeKey: "m" });
	expect(second).not.toBe(first);
	expect(scene.submit({ mergeKey: "m" })).toBe(second);
});

test("newer work with a supersede key ends older work, at once when it waits, through its worker when it runs", () => {
	const scene = new Scene();
	const waiting = scene.submit({ supersedeKey: "branch" });
	const other = scene.submit({ supersedeKey: "another branch" });
	const newer = scene.submit({ supersedeKey: "branch" });
	expect(waiting).toMatchObject({ status: "cancelled", outcome: "superseded", message: "newer work of ann replaced it" });
	expect(other.status).toBe("pending");
	scene.connect("box", { slots: 2 });
	expect(newer.status).toBe("claimed");
	const newest = scene.submit({ supersedeKey: "branch", constraints: { slots: 2 } });
	expect(newer.cancel).toMatchObject({ reason: "superseded" });
	expect(scene.of("end")).toMatchObject([{ task: newer.spec.id, reason: "superseded", graceMs: 5000 }]);
	scene.complete(newer, { outcome: "superseded" });
	scene.complete(other);
	expect(newer.outcome).toBe("superseded");
	expect(newest.status).toBe("claimed");
	expect(scene.fleet.keys.supersede.size).toBe(1);
});

test("superseding takes back only the asks with the key: a task that others asked for goes on", () => {
	const scene = new Scene();
	const shared = scene.submit({ mergeKey: "m", supersedeKey: "branch" });
	scene.submit({ mergeKey: "m" }, actor("ben"));
	const newer = scene.submit({ supersedeKey: "branch" });
	expect(shared).toMatchObject({ status: "pending", asks: [{ submitter: "ben" }] });
	expect(newer.status).toBe("pending");
	const merged = scene.submit({ mergeKey: "m", supersedeKey: "branch" });
	expect(merged).toBe(shared);
	expect(newer.outcome).toBe("superseded");
	expect(scene.submit({ mergeKey: "m", supersedeKey: "branch" })).toBe(shared);
	expect(shared.status).toBe("pending");
});

test("two live tasks with one supersede key through merging are both found by the next", () => {
	const scene = new Scene();
	const one = scene.submit({ mergeKey: "m", supersedeKey: "k" });
	scene.submit({ mergeKey: "m", supersedeKey: "j" }, actor("ben"));
	const two = scene.submit({ supersedeKey: "j" });
	scene.ask({ type: "task.cancel", actor: admin, task: one.spec.id, force: false });
	expect(one.outcome).toBe("cancelled");
	scene.submit({ supersedeKey: "j" });
	expect(two.outcome).toBe("superseded");
});

test("work that no known worker could ever do is refused when it asks for that, with what left each one out", () => {
	const scene = new Scene();
	const refuse = { policies: { unmatched: "refuse" as const }, constraints: { os: "darwin" } };
	expect(scene.trySubmit([refuse])).toMatchObject({ ok: false, error: { code: "no_worker", message: "no worker is connected" } });
	scene.connect("box");
	scene.connect("gone");
	scene.disconnect("gone", true);
	scene.connect("bad");
	scene.ask({ type: "worker.revoke", actor: admin, worker: "bad" });
	expect(scene.trySubmit([refuse])).toMatchObject({
		ok: false,
		error: {
			code: "no_worker",
			message: "no worker meets the constraints: box (os: wanted darwin, is linux)",
			details: { workers: [{ worker: "box", excluded: "os: wanted darwin, is linux" }] },
		},
	});
	for (let at = 0; at < limits.candidatesMax; at++) scene.connect(`box-${at}`);
	expect(scene.trySubmit([refuse])).toMatchObject({ error: { message: expect.stringContaining("; and 1 more") } });
	scene.connect("mac", { os: "darwin" });
	scene.disconnect("mac");
	expect(scene.trySubmit([refuse])).toMatchObject({ ok: true });
});

test("the embedded worker counts for work that may fall back to it", () => {
	const scene = new Scene();
	scene.connect("here", {}, { embedded: true });
	expect(scene.trySubmit([{ policies: { unmatched: "refuse" } }])).toMatchObject({ ok: true });
	expect(scene.trySubmit([{ policies: { unmatched: "refuse", fallback: "never" } }])).toMatchObject({
		error: { message: expect.stringContaining("here (fallback: never on the coordinator's own worker)") },
	});
});

test("work that is not due yet waits for its time", () => {
	const scene = new Scene();
	scene.connect("box");
	const later = scene.submit({ notBefore: scene.now + 5000 });
	const due = scene.submit({ notBefore: scene.now - 5000 });
	expect([later.status, due.status]).toEqual(["pending", "claimed"]);
	scene.complete(due);
	scene.pass(4999);
	expect(later.status).toBe("pending");
	scene.pass(1);
	expect(later.status).toBe("claimed");
});
