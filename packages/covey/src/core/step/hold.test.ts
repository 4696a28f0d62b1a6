import { expect, test } from "vitest";
import { actor, admin, Scene } from "#core/fleet.fixture.ts";
import type { Task } from "#core/task.ts";

const holdFor = (scene: Scene, task: Task, by = admin) =>
	scene.ask({ type: "task.hold", actor: by, holds: task.asks.map(({ id }) => ({ task: task.spec.id, ask: id })) });

test("an ask whose asker falls silent is taken back, and its work ends", () => {
	const scene = new Scene();
	scene.connect("box");
	const task = scene.submit({ holdMs: 60_000 });
	scene.start(task);
	scene.pass(40_000);
	scene.sync("box", [scene.listed(task)]);
	expect(holdFor(scene, task)).toEqual({ ok: true, lost: [] });
	scene.pass(40_000);
	scene.sync("box", [scene.listed(task)]);
	expect(task.cancel).toBeUndefined();
	scene.pass(21_000);
	expect(task.cancel).toMatchObject({ reason: "cancelled" });
	expect(scene.fleet.holds.size).toBe(0);
	expect(holdFor(scene, task)).toEqual({ ok: true, lost: [task.asks[0]!.id] });
});

test("what others asked for too goes on for them", () => {
	const scene = new Scene();
	const task = scene.submit({ mergeKey: "m", holdMs: 60_000 });
	scene.submit({ mergeKey: "m" }, actor("ben"));
	scene.pass(61_000);
	expect(task).toMatchObject({ status: "pending", asks: [{ submitter: "ben" }] });
});

test("a waiting task ends with a message that says who was not heard of", () => {
	const scene = new Scene();
	const task = scene.submit({ holdMs: 60_000 });
	scene.pass(61_000);
	expect(task).toMatchObject({ status: "cancelled", message: expect.stringContaining("had not heard for 60 s") });
});

test("the hold of work that has ended or of an ask taken back falls away by itself", () => {
	const scene = new Scene();
	scene.connect("box");
	const ended = scene.submit({ holdMs: 60_000 });
	scene.complete(ended);
	const shared = scene.submit({ mergeKey: "m", holdMs: 60_000 });
	scene.submit({ mergeKey: "m" }, actor("ben"));
	scene.ask({ type: "task.cancel", actor: admin, task: shared.spec.id, ask: shared.asks[0]!.id, force: false });
	expect(holdFor(scene, ended)).toEqual({ ok: true, lost: [ended.asks[0]!.id] });
	scene.pass(61_000);
	expect(scene.fleet.holds.size).toBe(0);
	expect(ended.outcome).toBe("passed");
	expect(shared.asks).toMatchObject([{ submitter: "ben" }]);
});

test("only whoever may use the namespace can hold, and only an ask of that task", () => {
	const scene = new Scene();
	const [task, other] = [scene.submit({ holdMs: 60_000 }), scene.submit()];
	const stranger = { ...actor("eve"), admin: false, namespaces: ["elsewhere"] };
	const ask = task!.asks[0]!.id;
	expect(holdFor(scene, task!, stranger)).toEqual({ ok: true, lost: [ask] });
	expect(scene.ask({ type: "task.hold", actor: admin, holds: [{ task: other!.spec.id, ask }] })).toEqual({ ok: true, lost: [ask] });
	expect(scene.ask({ type: "task.hold", actor: admin, holds: [{ task: "t_none", ask }] })).toEqual({ ok: true, lost: [ask] });
});

test("a repeated submission is a sign of life, and another's of the same key holds its own ask", () => {
	const scene = new Scene();
	const task = scene.submit({ dedupKey: "d", holdMs: 60_000 });
	scene.pass(50_000);
	scene.submit({ dedupKey: "d", holdMs: 60_000 });
	scene.submit({ dedupKey: "d", holdMs: 60_000 }, actor("ben"));
	scene.pass(50_000);
	expect(task.asks).toHaveLength(2);
	scene.pass(11_000);
	expect(task.status).toBe("cancelled");
});
