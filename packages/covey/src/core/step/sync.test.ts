import { expect, test } from "vitest";
import { admin, Scene } from "#core/fleet.fixture.ts";
import { limits } from "#core/limits.ts";

test("a sync renews the leases of what it lists, and is always answered", () => {
	const scene = new Scene();
	scene.connect("box");
	const task = scene.submit();
	for (let at = 0; at < 20; at++) {
		scene.pass(limits.leaseTtlMs / 2);
		scene.sync("box", [scene.listed(task, at === 0 ? "preparing" : "running")], { sequence: at });
		expect(scene.of("synced")).toMatchObject([{ session: "box/1", sequence: at, keep: [{ task: task.spec.id }] }]);
	}
	expect(task).toMatchObject({ status: "in_progress", attempt: 1 });
	scene.do({ type: "worker.sync", worker: "box", session: "old", sequence: 9, assigned: 0, attempts: [] });
	expect(scene.effects).toEqual([]);
});

test("what is not the worker's own it must end, or forget when it has ended", () => {
	const scene = new Scene();
	scene.connect("box");
	scene.connect("thief");
	const task = scene.submit();
	const holder = task.attempts[0]!.worker;
	const other = holder === "box" ? "thief" : "box";
	const foreign = { task: "t_none", attempt: 1 };
	scene.sync(other, [
		scene.listed(task),
		{ ...scene.listed(task, "ended"), attempt: 7 },
		{ ...foreign, state: "running" },
		{ ...foreign, attempt: 2, state: "ended" },
	]);
	expect(scene.of("synced")).toMatchObject([
		{
			keep: [],
			end: [
				{ task: task.spec.id, attempt: 1, reason: "worker_lost", graceMs: 5000 },
				{ ...foreign, reason: "worker_lost", graceMs: 0 },
			],
			settled: [
				{ task: task.spec.id, attempt: 7 },
				{ ...foreign, attempt: 2 },
			],
		},
	]);
	expect(task).toMatchObject({ status: "claimed", lease: { worker: holder } });
});

test("an ended attempt whose report is still to come is kept", () => {
	const scene = new Scene();
	scene.connect("box");
	const task = scene.submit();
	scene.sync("box", [scene.listed(task, "ended")]);
	expect(scene.of("synced")).toMatchObject([{ keep: [{ task: task.spec.id }], end: [], settled: [] }]);
	scene.complete(task);
	scene.sync("box", [scene.listed(task, "ended")]);
	expect(scene.of("synced")).toMatchObject([{ keep: [], end: [], settled: [{ task: task.spec.id, attempt: 1 }] }]);
});

test("an assignment that is on its way is left alone; one that got lost is sent again", () => {
	const scene = new Scene();
	scene.connect("box");
	const task = scene.submit();
	scene.sync("box", [], { assigned: 0 });
	expect(scene.of("assign")).toEqual([]);
	scene.sync("box", [], { assigned: 1 });
	expect(scene.of("assign")).toMatchObject([{ session: "box/1", message: { sequence: 2, task: task.spec.id, attempt: 1 } }]);
	scene.connect("box", {}, { session: "box/2" });
	scene.sync("box", [], { assigned: 0 });
	expect(scene.of("assign")).toMatchObject([{ session: "box/2", message: { sequence: 1, attempt: 1 } }]);
	expect(task.attempt).toBe(1);
});

test("an assignment that is sent again has a full lease again", () => {
	const scene = new Scene();
	scene.connect("box");
	const task = scene.submit();
	const { until } = task.lease!;
	scene.pass(60_000);
	scene.sync("box", [], { assigned: 1 });
	expect(scene.of("assign")).toMatchObject([{ message: { task: task.spec.id, attempt: 1 } }]);
	expect(task.lease!.until).toBe(until + 60_000);
});

test("a cancelled assignment that never arrived ends without its worker", () => {
	const scene = new Scene();
	scene.connect("box");
	const task = scene.submit();
	scene.connect("box", {}, { session: "box/2" });
	scene.ask({ type: "task.cancel", actor: admin, task: task.spec.id, force: false });
	scene.sync("box", [], { assigned: 0 });
	expect(task).toMatchObject({ status: "cancelled", outcome: "cancelled" });
	expect(scene.of("assign")).toEqual([]);
});

test("work that ran and is no longer listed is lost", () => {
	const scene = new Scene();
	scene.connect("box");
	const task = scene.submit();
	scene.start(task);
	scene.sync("box", []);
	expect(task).toMatchObject({
		status: "claimed",
		attempt: 2,
		attempts: [{ report: { outcome: "worker_lost", message: "its worker box no longer runs it" } }, {}],
	});
});

test("a new process cannot resume the attempts of an old one: they are lost at its first sync", () => {
	const scene = new Scene();
	scene.connect("box", { slots: 2 });
	const [one, two] = [scene.submit(), scene.submit()];
	scene.connect("box", { slots: 2 }, { session: "box/2", instance: "box 2" });
	expect([one!.attempt, two!.attempt]).toEqual([1, 1]);
	scene.sync("box", [scene.listed(one!)]);
	expect(scene.of("synced")).toMatchObject([{ keep: [], end: [{ task: one!.spec.id, attempt: 1, reason: "worker_lost" }] }]);
	expect([one, two]).toMatchObject([
		{ status: "claimed", attempt: 2 },
		{ status: "claimed", attempt: 2 },
	]);
});

test("a worker under pressure gets nothing more while it runs something, and something when it is idle", () => {
	const scene = new Scene();
	scene.connect("box", { slots: 4 });
	const strained = { cpu: 0.2, io: 0.9, memory: 0.1, admits: false };
	scene.sync("box", [], { pressure: strained });
	const [one, two] = [scene.submit(), scene.submit()];
	expect([one!.status, two!.status]).toEqual(["claimed", "pending"]);
	expect(scene.view.explain(two!.spec.id, scene.now)?.candidates).toEqual([
		{ worker: "box", excluded: "under pressure (io 90 %): takes nothing more while it runs something" },
	]);
	scene.sync("box", [scene.listed(one!)], { pressure: { ...strained, admits: true } });
	expect(two!.status).toBe("claimed");
});

test("an assignment that never arrived goes elsewhere when its worker has been drained meanwhile", () => {
	const scene = new Scene();
	scene.connect("box");
	const task = scene.submit();
	scene.connect("box", {}, { session: "box/2" });
	scene.ask({ type: "worker.drain", actor: admin, worker: "box", draining: true });
	scene.sync("box", [], { assigned: 0 });
	expect(scene.of("assign")).toEqual([]);
	expect(task).toMatchObject({ status: "pending", attempts: [{ report: { outcome: "no_capacity" } }] });
});
