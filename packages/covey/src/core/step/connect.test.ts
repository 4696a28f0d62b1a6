import { expect, test } from "vitest";
import { admin, Scene } from "#core/fleet.fixture.ts";
import { limits } from "#core/limits.ts";

const term = limits.leaseTtlMs + limits.leaseMarginMs;

test("a newer connection replaces the older one, whose late close is ignored", () => {
	const scene = new Scene();
	scene.connect("box");
	const task = scene.submit();
	scene.connect("box", {}, { session: "box/2" });
	expect(scene.of("disconnect")).toMatchObject([{ session: "box/1", error: { code: "unavailable" } }]);
	scene.do({ type: "worker.disconnect", worker: "box", session: "box/1", bye: true });
	expect(scene.effects).toEqual([]);
	expect(scene.worker("box")).toMatchObject({ status: "connected", session: { id: "box/2" } });
	expect(task.status).toBe("claimed");
	scene.do({ type: "worker.offer", worker: "box", session: "box/1", offer: { ...scene.worker("box").offer!, slots: 9 } });
	expect(scene.worker("box").offer?.slots).toBe(1);
});

test("of two processes with the same key the newer stays, and the older is told so as long as it is heard", () => {
	const scene = new Scene();
	scene.connect("box");
	const task = scene.submit();
	scene.connect("box", {}, { session: "copy/1", instance: "copy" });
	expect(scene.of("disconnect")).toMatchObject([
		{ session: "box/1", error: { code: "name_in_use", hint: expect.stringContaining("copied") } },
	]);
	expect(scene.worker("box").session?.instance).toBe("copy");
	scene.sync("box");
	expect(task.attempts).toMatchObject([{ report: { message: "its worker box started anew" } }, { worker: "box" }]);
});

test("who is unknown or revoked does not connect", () => {
	const scene = new Scene();
	const connect = {
		type: "worker.connect",
		worker: "box",
		session: "s",
		instance: "i",
		protocol: 2,
		offer: scene.connect("other").offer!,
	} as const;
	expect(scene.ask(connect)).toMatchObject({ error: { code: "not_found", message: "no worker is called box" } });
	scene.enrol("box");
	scene.ask({ type: "worker.revoke", actor: admin, worker: "box" });
	expect(scene.ask(connect)).toMatchObject({ error: { code: "forbidden" } });
});

test("a worker that is away keeps its leases, and is gone when they have ended", () => {
	const scene = new Scene();
	scene.connect("idle");
	scene.disconnect("idle");
	scene.connect("busy");
	const task = scene.submit();
	scene.disconnect("busy");
	scene.pass(term - 1);
	expect([scene.worker("idle").status, scene.worker("busy").status, task.status]).toEqual(["disconnected", "disconnected", "claimed"]);
	scene.pass(1);
	expect([scene.worker("idle").status, task.status]).toEqual(["gone", "pending"]);
	scene.pass(limits.leaseMarginMs + 1);
	expect(scene.worker("busy").status).toBe("gone");
	expect(scene.fleet.timers.size).toBe(0);
});

test("a goodbye ends its leases at once", () => {
	const scene = new Scene();
	scene.connect("box");
	const task = scene.submit();
	scene.connect("other");
	scene.disconnect("box", true);
	expect(scene.worker("box").status).toBe("gone");
	expect(task).toMatchObject({
		status: "claimed",
		attempt: 2,
		attempts: [{ report: { message: "its worker box left" } }, { worker: "other" }],
	});
});

test("a worker that comes back within its lease claims its attempts in its sync", () => {
	const scene = new Scene();
	scene.connect("box");
	const task = scene.submit();
	scene.start(task);
	scene.disconnect("box");
	scene.pass(term - 1);
	scene.connect("box", {}, { session: "box/2" });
	scene.sync("box", [scene.listed(task)]);
	expect(scene.of("synced")).toMatchObject([{ keep: [{ task: task.spec.id, attempt: 1 }], end: [], settled: [] }]);
	scene.pass(term - 1);
	expect(task).toMatchObject({ status: "in_progress", attempt: 1, lease: { session: "box/2" } });
	scene.complete(task);
	expect(task.status).toBe("done");
});

test("a drained worker takes no new work, hears of it when it connects, and takes work again when undrained", () => {
	const scene = new Scene();
	scene.connect("box", { slots: 2 });
	const running = scene.submit();
	const drain = (draining: boolean) => scene.ask({ type: "worker.drain", actor: admin, worker: "box", draining });
	expect(drain(true)).toEqual({ ok: true, id: "box" });
	expect(scene.of("drain")).toMatchObject([{ session: "box/1", draining: true }]);
	const waiting = scene.submit();
	scene.sync("box", [scene.listed(running)]);
	expect(waiting.status).toBe("pending");
	scene.changes();
	drain(true);
	expect(scene.changes()).toEqual([]);
	scene.disconnect("box");
	scene.connect("box", { slots: 2 }, { session: "box/2" });
	expect(scene.of("drain")).toMatchObject([{ session: "box/2", draining: true }]);
	drain(false);
	expect(waiting.status).toBe("claimed");
	scene.disconnect("box");
	drain(true);
	expect(scene.of("drain")).toEqual([]);
	expect(scene.ask({ type: "worker.drain", actor: admin, worker: "none", draining: true })).toMatchObject({ error: { code: "not_found" } });
});

test("a revoked worker is cut off at once, and its work goes elsewhere when its lease would have ended", () => {
	const scene = new Scene();
	scene.connect("box");
	const task = scene.submit();
	scene.connect("other", { capabilities: ["run"] });
	scene.ask({ type: "worker.revoke", actor: admin, worker: "box" });
	expect(scene.of("disconnect")).toMatchObject([{ session: "box/1", error: { code: "forbidden" } }]);
	expect(scene.worker("box").status).toBe("gone");
	scene.complete(task, {}, { session: "box/1" });
	expect(task.status).toBe("pending");
	// Its link may be dead without our knowing: only its lease says when it has killed it.
	scene.pass(term - 1);
	expect(task.status).toBe("pending");
	scene.pass(1);
	expect(task).toMatchObject({ status: "claimed", attempt: 2 });
	expect(scene.ask({ type: "worker.revoke", actor: admin, worker: "box" })).toEqual({ ok: true, id: "box" });
	expect(scene.ask({ type: "worker.revoke", actor: admin, worker: "none" })).toMatchObject({ error: { code: "not_found" } });
});

test("a revoked worker that is away may not have heard: its work waits until its lease would have ended", () => {
	const scene = new Scene();
	scene.connect("box");
	const task = scene.submit();
	scene.disconnect("box");
	scene.pass(1000);
	scene.ask({ type: "worker.revoke", actor: admin, worker: "box" });
	expect(task.waitUntil).toBe(scene.now - 1000 + term);
});
