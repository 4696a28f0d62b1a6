import { expect, test } from "vitest";
import { admin, held, Scene } from "#core/fleet.fixture.ts";
import { limits } from "#core/limits.ts";

test("an attempt is started, reported once, and settled as often as it is reported", () => {
	const scene = new Scene();
	scene.connect("box");
	const task = scene.submit();
	scene.now += 10;
	scene.start(task);
	expect(task).toMatchObject({
		status: "in_progress",
		attempts: [{ number: 1, worker: "box", claimedAt: scene.now - 10, startedAt: scene.now }],
	});
	scene.start(task);
	expect(scene.effects).toEqual([]);
	scene.now += 10;
	scene.complete(task, {
		facts: { exitCode: 0, signal: null, timedOut: false, cancelled: false, forceKilled: false, durationMs: 9, leftovers: 0 },
	});
	expect(task).toMatchObject({
		status: "done",
		outcome: "passed",
		exitCode: 0,
		endedAt: scene.now,
		attempts: [{ endedAt: scene.now, report: { outcome: "passed" } }],
	});
	expect(scene.of("settle")).toMatchObject([{ session: "box/1", worker: "box", task: task.spec.id, attempt: 1 }]);
	scene.complete(task, { outcome: "failed" });
	expect(task.outcome).toBe("passed");
	expect(scene.effects.map(({ type }) => type)).toEqual(["settle"]);
	expect(scene.fleet.fenced).toBe(0);
});

test("a report for a task that is no longer in memory is settled", () => {
	const scene = new Scene();
	scene.connect("box");
	const task = scene.submit();
	scene.complete(task);
	scene.do({ type: "history.holds", tasks: [held(task), { ...held(task), id: "t_none" }] });
	expect(scene.fleet.tasks.size).toBe(0);
	scene.complete(task);
	expect(scene.effects.map(({ type }) => type)).toEqual(["settle"]);
});

test("an attempt that is no longer current changes nothing: its report is settled, its start is ended", () => {
	const scene = new Scene();
	scene.connect("one");
	const task = scene.submit();
	scene.disconnect("one");
	scene.pass(200_000);
	scene.connect("two");
	expect(task).toMatchObject({ attempt: 2, status: "claimed" });
	const stale = { session: "one/2", worker: "one", attempt: 1 };
	scene.connect("one", {}, { session: "one/2" });
	scene.complete(task, { outcome: "failed" }, { ...stale, worker: "three" });
	scene.start(task, stale);
	expect(scene.of("end")).toMatchObject([{ session: "one/2", attempt: 1, reason: "worker_lost" }]);
	scene.do({ type: "attempt.declined", ...stale, task: task.spec.id, message: "" });
	expect(task).toMatchObject({ attempt: 2, status: "claimed" });
	expect(scene.fleet.fenced).toBe(3);
	scene.complete(task, {}, { ...stale, attempt: 2 });
	expect(scene.fleet.fenced).toBe(4);
	expect(task.status).toBe("claimed");
});

test("a report from the session that had the lease counts, even when the worker has connected anew", () => {
	const scene = new Scene();
	scene.connect("box");
	const task = scene.submit();
	scene.connect("box", {}, { session: "box/2", instance: "box 2" });
	scene.complete(task, {}, { session: "box/2" });
	expect(task.status).toBe("claimed");
	scene.complete(task, {}, { session: "box/1" });
	expect(task.status).toBe("done");
});

test("a sync that lists it renews a lease", () => {
	const scene = new Scene({ leaseTtlMs: 1000, leaseMarginMs: 100 });
	scene.connect("box");
	const task = scene.submit();
	for (let at = 0; at < 5; at++) {
		scene.pass(900);
		scene.sync("box", [scene.listed(task, "preparing")]);
	}
	expect(task.status).toBe("claimed");
	scene.pass(1101);
	expect(task).toMatchObject({ status: "claimed", attempt: 2, attempts: [{ report: { outcome: "worker_lost" } }, { number: 2 }] });
});

test.for([
	["requeue", { status: "pending", outcome: undefined }],
	["needs_human", { status: "needs_human", outcome: "worker_lost" }],
	["fail", { status: "failed", outcome: "worker_lost" }],
] as const)("when the lease ends, the policy %s decides", ([onWorkerLost, expected]) => {
	const scene = new Scene();
	scene.connect("box");
	const task = scene.submit({ policies: { onWorkerLost } });
	scene.start(task);
	scene.disconnect("box");
	scene.pass(limits.leaseTtlMs + limits.leaseMarginMs - 1);
	expect(task.status).toBe("in_progress");
	scene.pass(1);
	expect(task).toMatchObject(expected);
	expect(scene.worker("box").slotsUsed).toBe(0);
});

test("failures of the fleet are tried again with growing waits, a bounded number of times", () => {
	const scene = new Scene();
	scene.connect("box");
	const task = scene.submit({ policies: { retry: { limit: 3, backoffMs: 1000, backoffMaxMs: 3000 } } });
	const waits: number[] = [];
	for (let at = 0; at < 3; at++) {
		scene.complete(task, { outcome: "out_of_memory", message: "too big" });
		expect(task).toMatchObject({ status: "pending", outcome: undefined });
		waits.push(task.waitUntil! - scene.now);
		scene.pass(waits.at(-1)!);
		expect(task.status).toBe("claimed");
	}
	expect(waits).toEqual([1000, 2000, 3000]);
	scene.complete(task, { outcome: "out_of_memory", message: "too big" });
	expect(task).toMatchObject({ status: "failed", outcome: "out_of_memory", attempt: 4, message: "too big; given up after 4 attempts" });
});

test("what the work itself did is never tried again, nor what the policy leaves out", () => {
	const scene = new Scene();
	scene.connect("box");
	for (const [outcome, status] of [
		["failed", "failed"],
		["timed_out", "failed"],
		["bad_snapshot", "failed"],
		["no_capacity", "failed"],
		["cancelled", "cancelled"],
	] as const) {
		const task = scene.submit();
		scene.complete(task, { outcome });
		expect(task).toMatchObject({ status, outcome, attempt: 1 });
	}
	const task = scene.submit({ policies: { retry: { limit: 0 } } });
	scene.complete(task, { outcome: "bad_environment" });
	expect(task).toMatchObject({ status: "failed", message: "its environment could not be set up; given up after 1 attempts" });
});

test("a worker that is lost again and again does not get the task for ever", () => {
	const scene = new Scene();
	scene.connect("box");
	const task = scene.submit();
	for (let at = 1; at <= 3; at++) scene.complete(task, { outcome: "worker_lost", message: "gone" });
	expect(task).toMatchObject({ status: "failed", outcome: "worker_lost", attempt: 3, message: "gone; given up after 3 attempts" });
});

test("a declined attempt is no try: it goes elsewhere with a new number, and its worker rests until its next word", () => {
	const scene = new Scene();
	scene.connect("shy");
	const task = scene.submit();
	scene.decline(task, "type unknown");
	expect(task).toMatchObject({
		status: "pending",
		attempt: 1,
		attempts: [{ report: { outcome: "no_capacity", message: "shy declined: type unknown" } }],
	});
	expect(scene.view.explain(task.spec.id, scene.now)?.candidates[0]?.excluded).toContain("declined work");
	scene.sync("shy");
	expect(task).toMatchObject({ status: "claimed", attempt: 2 });
	scene.decline(task);
	scene.do({ type: "worker.offer", worker: "shy", session: "shy/1", offer: scene.worker("shy").offer! });
	expect(task.attempt).toBe(3);
	scene.decline(task);
	scene.connect("bold");
	expect(task).toMatchObject({ status: "claimed", attempt: 4 });
	scene.ask({ type: "task.cancel", actor: admin, task: task.spec.id, force: false });
	scene.decline(task);
	expect(task).toMatchObject({ status: "cancelled", outcome: "cancelled" });
});

test("a task that everybody declines ends after a bounded number of attempts", () => {
	const scene = new Scene();
	scene.connect("shy");
	const task = scene.submit();
	for (let at = 1; at < limits.attemptsMax; at++) {
		scene.decline(task);
		scene.sync("shy");
	}
	expect(task.status).toBe("claimed");
	scene.decline(task);
	expect(task).toMatchObject({ status: "failed", outcome: "no_capacity", attempt: limits.attemptsMax });
	scene.ask({ type: "task.resolve", actor: admin, task: task.spec.id, to: "pending" });
	scene.sync("shy");
	expect(task).toMatchObject({ status: "claimed", attempt: limits.attemptsMax + 1 });
	expect(task.attempts).toHaveLength(limits.attemptsMax);
	expect(task.placements).toHaveLength(limits.attemptsMax);
	expect(task.attempts.slice(0, 2).map(({ number }) => number)).toEqual([1, 3]);
});
