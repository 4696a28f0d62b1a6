import { expect, test } from "vitest";
import { actor, admin, held, Scene } from "#core/fleet.fixture.ts";
import type { Task } from "#core/task.ts";

const resolve = (
	scene: Scene,
	task: Task,
	to: "pending" | "done" | "failed" | "cancelled",
	more: { message?: string; ended?: Task } = {},
) => scene.ask({ type: "task.resolve", actor: admin, task: task.spec.id, to, ...more });

function ended(scene: Scene, outcome: "failed" | "needs_human" | "passed"): Task {
	scene.connect("box", {}, { session: `box/${scene.now++}` });
	const task = scene.submit({ mergeKey: "m", supersedeKey: "s", dedupKey: "d" });
	scene.complete(task, { outcome });
	return task;
}

test.for([
	["failed", "done", "passed"],
	["needs_human", "done", "passed"],
	["needs_human", "failed", "failed"],
	["needs_human", "cancelled", "cancelled"],
] as const)("a person moves %s to %s", ([from, to, outcome]) => {
	const scene = new Scene();
	const task = ended(scene, from);
	expect(resolve(scene, task, to)).toEqual({ ok: true, id: task.spec.id });
	expect(task).toMatchObject({ status: to, outcome, message: "decided by admin", endedAt: scene.now });
	expect(scene.of("notify").map(({ event }) => event.type)).toEqual(["task", "audit"]);
});

test("a task that is queued again runs again, and answers to its keys again", () => {
	const scene = new Scene();
	const task = ended(scene, "failed");
	resolve(scene, task, "pending", { message: "flaky" });
	expect(task).toMatchObject({ status: "claimed", attempt: 2, outcome: undefined, endedAt: undefined });
	expect(scene.of("notify").map(({ event }) => event)).toContainEqual(expect.objectContaining({ type: "audit", detail: "pending: flaky" }));
	expect(scene.submit({ mergeKey: "m" })).toBe(task);
	scene.submit({ supersedeKey: "s" }, actor("ben"));
	expect(task.asks).toHaveLength(1);
});

test("a task that history holds comes back into memory, and its record is journalled anew", () => {
	const scene = new Scene();
	const task = ended(scene, "failed");
	const { lease: _lease, ...record } = task;
	scene.do({ type: "history.holds", tasks: [held(task)] });
	expect(
		scene
			.changes()
			.filter(({ id }) => id === task.spec.id)
			.map(({ kind, value }) => [kind, value]),
	).toEqual([["task", null]]);
	expect(resolve(scene, task, "done")).toMatchObject({ error: { code: "not_found" } });
	expect(resolve(scene, task, "cancelled", { ended: record })).toMatchObject({ error: { code: "transition_refused" } });
	expect(scene.fleet.tasks.size).toBe(0);
	expect(resolve(scene, task, "pending", { ended: record })).toMatchObject({ ok: true });
	const again = scene.task(task.spec.id);
	expect(again).not.toBe(task);
	expect(again).toMatchObject({ status: "claimed", attempt: 2 });
	expect(again?.order).toBeGreaterThan(task.order);
	expect(again.order).toBeGreaterThan(task.order);
	expect(task.attempts).toHaveLength(1);
	expect(scene.changes().map(({ kind }) => kind)).toEqual(expect.arrayContaining(["spec", "task"]));
});

test("history dropping a task that a person revived meanwhile leaves it alone", () => {
	const scene = new Scene();
	const task = ended(scene, "failed");
	const first = held(task);
	resolve(scene, task, "pending");
	scene.do({ type: "history.holds", tasks: [first] });
	expect(scene.task(task.spec.id)).toBe(task);
	scene.complete(task, { outcome: "failed" });
	scene.do({ type: "history.holds", tasks: [first] });
	expect(scene.task(task.spec.id)).toBe(task);
	const second = held(task);
	resolve(scene, task, "done");
	scene.do({ type: "history.holds", tasks: [second] });
	expect(scene.task(task.spec.id)).toBe(task);
	scene.do({ type: "history.holds", tasks: [held(task)] });
	expect(scene.fleet.tasks.size).toBe(0);
});

test("what a person may not decide is refused", () => {
	const scene = new Scene();
	const task = ended(scene, "passed");
	expect(resolve(scene, task, "pending")).toMatchObject({
		error: { code: "transition_refused", message: `task ${task.spec.id} is done and cannot become pending` },
	});
	const foreign = scene.ask({ type: "task.resolve", actor: actor("eve", ["other"]), task: task.spec.id, to: "done" });
	expect(foreign).toMatchObject({ error: { code: "forbidden" } });
	const waiting = scene.submit();
	expect(resolve(scene, waiting, "cancelled")).toMatchObject({ error: { code: "transition_refused" } });
});
