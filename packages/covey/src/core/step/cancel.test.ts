import { expect, test } from "vitest";
import { actor, admin, Scene } from "#core/fleet.fixture.ts";
import type { Task } from "#core/task.ts";

const cancel = (scene: Scene, task: Task, more: { ask?: string; force?: boolean } = {}, by = admin) =>
	scene.ask({ type: "task.cancel", actor: by, task: task.spec.id, force: false, ...more });

test("a waiting task ends at once, and what waits behind it is not disturbed", () => {
	const scene = new Scene();
	const [one, two, three] = [scene.submit(), scene.submit(), scene.submit()];
	expect(cancel(scene, two!)).toEqual({ ok: true, id: two!.spec.id });
	expect(two).toMatchObject({ status: "cancelled", outcome: "cancelled", message: "admin cancelled it", endedAt: scene.now });
	scene.connect("box");
	expect(one!.status).toBe("claimed");
	scene.complete(one!);
	expect(three!.status).toBe("claimed");
	expect(scene.fleet.timers.size).toBe(1);
});

test("running work ends when its worker has ended it, and its report does not change that", () => {
	const scene = new Scene();
	scene.connect("box");
	const task = scene.submit({ policies: { graceMs: 700 } });
	scene.start(task);
	cancel(scene, task);
	expect(task.status).toBe("in_progress");
	expect(scene.of("end")).toMatchObject([{ session: "box/1", task: task.spec.id, attempt: 1, reason: "cancelled", graceMs: 700 }]);
	cancel(scene, task);
	expect(scene.of("end")).toEqual([]);
	cancel(scene, task, { force: true });
	expect(scene.of("end")).toMatchObject([{ graceMs: 0 }]);
	scene.complete(task, {
		outcome: "failed",
		facts: { exitCode: null, signal: "SIGTERM", timedOut: false, cancelled: true, forceKilled: false, durationMs: 1, leftovers: 0 },
	});
	expect(task).toMatchObject({ status: "cancelled", outcome: "cancelled", message: "admin cancelled it", exitCode: null });
});

test("a result that raced the cancel stands", () => {
	const scene = new Scene();
	scene.connect("box");
	const task = scene.submit();
	cancel(scene, task);
	scene.complete(task, { outcome: "passed" });
	expect(task).toMatchObject({ status: "done", outcome: "passed" });
});

test("a cancel that cannot be delivered is told at the next sync, and bounded by the lease", () => {
	const scene = new Scene();
	scene.connect("box", { slots: 2 });
	const [told, lost] = [scene.submit(), scene.submit()];
	scene.disconnect("box");
	cancel(scene, told!);
	expect(scene.of("end")).toEqual([]);
	cancel(scene, lost!, { force: true });
	scene.connect("box", { slots: 2 }, { session: "box/2" });
	scene.sync("box", [scene.listed(told!), scene.listed(lost!)]);
	expect(scene.of("synced")).toMatchObject([
		{
			keep: [{ task: told!.spec.id }, { task: lost!.spec.id }],
			end: [
				{ task: told!.spec.id, reason: "cancelled", graceMs: 5000 },
				{ task: lost!.spec.id, reason: "cancelled", graceMs: 0 },
			],
		},
	]);
	scene.sync("box", [scene.listed(told!, "ended"), scene.listed(lost!)]);
	expect(scene.of("synced")[0]!.end).toHaveLength(1);
	scene.disconnect("box");
	scene.pass(200_000);
	expect([told!.outcome, lost!.outcome]).toEqual(["cancelled", "cancelled"]);
	expect(lost!.message).toBe("admin cancelled it; its worker box was not heard of for 100 s");
});

test("one ask of several is taken back alone; the last one ends the task", () => {
	const scene = new Scene();
	const task = scene.submit({ mergeKey: "m" });
	scene.submit({ mergeKey: "m" }, actor("ben"));
	const [ann, ben] = task.asks.map(({ id }) => id);
	expect(cancel(scene, task, { ask: ann! })).toMatchObject({ ok: true });
	expect(task).toMatchObject({ status: "pending", asks: [{ id: ben }] });
	expect(cancel(scene, task, { ask: ann! })).toMatchObject({ ok: false, error: { code: "not_found", hint: `it answers ${ben}` } });
	cancel(scene, task, { ask: ben! });
	expect(task).toMatchObject({ status: "cancelled", asks: [{ id: ben }] });
});

test("what cannot be cancelled says why", () => {
	const scene = new Scene();
	const task = scene.submit();
	expect(cancel(scene, task, {}, actor("eve", ["other"]))).toMatchObject({ error: { code: "forbidden" } });
	cancel(scene, task);
	expect(cancel(scene, task)).toMatchObject({
		error: { code: "conflict", message: `task ${task.spec.id} has ended already: cancelled, cancelled` },
	});
	expect(scene.ask({ type: "task.cancel", actor: admin, task: "t_none", force: false })).toMatchObject({ error: { code: "not_found" } });
});

test("every cancel is on record", () => {
	const scene = new Scene();
	const task = scene.submit({ mergeKey: "m" });
	scene.submit({ mergeKey: "m" }, actor("ben"));
	const other = scene.submit();
	scene.changes();
	cancel(scene, task, { ask: task.asks[0]!.id }, actor("ann"));
	cancel(scene, task, { force: true }, actor("ann"));
	cancel(scene, other);
	const audit = scene.changes().filter(({ kind }) => kind === "audit");
	expect(audit.map(({ value }) => value)).toMatchObject([
		{ actor: "ann", action: "task.cancel", subject: task.spec.id, detail: expect.stringMatching(/^ask a_/) },
		{ detail: "by force" },
		{ actor: "admin", subject: other.spec.id },
	]);
	expect(new Set(audit.map(({ id }) => id)).size).toBe(3);
});

test("a task that waits for a person can be cancelled", () => {
	const scene = new Scene();
	scene.connect("box");
	const task = scene.submit();
	scene.complete(task, { outcome: "needs_human", message: "which branch?" });
	expect(task).toMatchObject({ status: "needs_human", endedAt: undefined, message: "which branch?" });
	cancel(scene, task);
	expect(task).toMatchObject({ status: "cancelled", outcome: "cancelled" });
});
