import type { TaskSubmissionInput } from "@covey/protocol";
import fc from "fast-check";
import { expect, test } from "vitest";
import { actor, admin, Scene } from "#core/fleet.fixture.ts";
import { limits } from "#core/limits.ts";
import { openSlots } from "./scheduler.ts";

const repository = "0123456789abcdef0123456789abcdef";
const object = "0123456789012345678901234567890123456789";
const inRepository = { payload: { command: ["make"], snapshot: { repository, tree: object, commit: object } } };

test("the freest worker wins, and equals take turns", () => {
	const scene = new Scene();
	for (const name of ["a", "b", "c"]) scene.connect(name, { slots: 4 });
	const workers = Array.from({ length: 12 }, () => scene.submit().attempts[0]!.worker);
	for (const round of [0, 3, 6, 9]) expect(workers.slice(round, round + 3).sort()).toEqual(["a", "b", "c"]);
	expect(scene.submit().status).toBe("pending");
});

test("pressure makes a worker less wanted", () => {
	const scene = new Scene();
	scene.connect("calm", { slots: 2 });
	scene.connect("busy", { slots: 2 });
	scene.sync("busy", [], { pressure: { cpu: 0.8, io: 0, memory: 0, admits: true } });
	expect([scene.submit(), scene.submit()].map((task) => task.attempts[0]!.worker)).toEqual(["calm", "busy"]);
});

test("a warm repository outweighs a half empty machine, and the record says so", () => {
	const scene = new Scene();
	scene.connect("cold", { slots: 4 });
	scene.connect("warm", { slots: 4, warm: [repository, repository] });
	scene.connect("tepid", { slots: 4, warm: [repository] });
	scene.connect("tepid", { slots: 4, warm: [] }, { session: "tepid/2" });
	const task = scene.submit(inRepository);
	expect(task.placements).toMatchObject([
		{
			attempt: 1,
			worker: "warm",
			because: "warm",
			sentence: "warm: 4 of 4 slots free, has this repository warm",
			waitedMs: 0,
			workersKnown: 3,
		},
	]);
	expect(task.placements[0]!.candidates).toContainEqual({ worker: "warm", bid: 160 });
	expect(scene.submit(inRepository).attempts[0]!.worker).toBe("warm");
	scene.disconnect("warm");
	expect(scene.submit(inRepository).attempts[0]!.worker).not.toBe("warm");
	expect(scene.fleet.scheduler.warm.size).toBe(0);
});

test("a repository that is warm almost everywhere costs no more to look for", () => {
	const scene = new Scene();
	for (let at = 0; at < 80; at++) scene.connect(`w${at}`, { slots: 1, warm: [repository] });
	scene.connect("cold", { slots: 1 });
	for (let at = 0; at < 80; at++) expect(scene.submit(inRepository).placements[0]!.because).toBe("warm");
	expect(scene.submit(inRepository).attempts[0]!.worker).toBe("cold");
});

test("payloads that name no repository are placed without one", () => {
	const scene = new Scene();
	scene.connect("box", { slots: 8 });
	const payloads: TaskSubmissionInput["payload"][] = [null, "text", 7, ["a"], {}, { snapshot: null }, { snapshot: { repository: 5 } }];
	for (const payload of payloads) expect(scene.submit({ payload }).status).toBe("claimed");
});

test("a task waits for its preferred machine while that is busy, and then goes anywhere", () => {
	const scene = new Scene();
	scene.connect("mine");
	scene.connect("other");
	const first = scene.submit({ prefer: { machine: "mine" } });
	expect(first.placements[0]).toMatchObject({ worker: "mine", because: "preferred", sentence: "mine: 1 of 1 slots free, preferred" });
	const patient = scene.submit({ prefer: { machine: "mine", spillMs: 5000 } });
	expect(patient.status).toBe("pending");
	expect(scene.view.explain(patient.spec.id, scene.now)).toMatchObject({
		sentence: "waits for mine, which it prefers, for 5 s more and then for any; it is next",
		candidates: [
			{ worker: "mine", excluded: "busy: 1 of 1 slots used" },
			{ worker: "other", excluded: "free, but mine is preferred" },
		],
	});
	scene.pass(4999);
	expect(patient.status).toBe("pending");
	scene.pass(1);
	expect(patient.attempts[0]!.worker).toBe("other");
	const lucky = scene.submit({ prefer: { machine: "mine" } });
	scene.complete(first);
	expect(lucky.attempts[0]!.worker).toBe("mine");
});

test("a wish that cannot come true is no reason to wait", () => {
	const scene = new Scene();
	scene.connect("mine");
	scene.connect("other", { slots: 9 });
	const on = (machine: string, more = {}) => scene.submit({ prefer: { machine }, ...more });
	scene.submit({ constraints: { machine: "mine" } });
	expect(on("none").attempts[0]?.worker).toBe("other");
	expect(on("mine", { constraints: { slots: 2 } }).attempts[0]?.worker).toBe("other");
	expect(on("mine", { constraints: { machine: "other" } }).attempts[0]?.worker).toBe("other");
	const [waiting, second] = [on("mine"), on("mine")];
	expect(waiting!.status).toBe("pending");
	scene.disconnect("mine");
	expect([waiting, second].map((task) => task?.attempts[0]?.worker)).toEqual(["other", "other"]);
	expect(on("mine").attempts[0]?.worker).toBe("other");
});

test("a preferred machine that has room wins over freer ones after the wish has run out", () => {
	const scene = new Scene();
	scene.connect("mine", { slots: 4 });
	scene.connect("other", { slots: 8 });
	scene.submit({ constraints: { machine: "mine" } });
	expect(scene.submit({ prefer: { machine: "mine", spillMs: 0 } }).attempts[0]!.worker).toBe("mine");
});

test("a wish for a machine that stops fitting is given up, and one that still fits is kept", () => {
	const scene = new Scene();
	scene.connect("mine");
	scene.submit();
	const [run, targeted] = [scene.submit({ prefer: { machine: "mine" } }), scene.submit({ constraints: { machine: "mine" } })];
	scene.connect("other", { slots: 1 });
	const again = (capabilities: string[]) =>
		scene.do({ type: "worker.offer", worker: "mine", session: "mine/1", offer: { ...scene.worker("mine").offer!, capabilities } });
	again(["run", "cargo"]);
	expect(run!.status).toBe("pending");
	again(["cargo"]);
	expect(run!.attempts[0]?.worker).toBe("other");
	expect(targeted!.status).toBe("pending");
});

test("the embedded worker takes over at once when nobody else is there", () => {
	const scene = new Scene();
	scene.connect("here", { slots: 2 }, { embedded: true });
	expect(scene.submit().placements[0]).toMatchObject({
		worker: "here",
		because: "fallback",
		sentence: "here: 2 of 2 slots free, the coordinator's own worker, as no other that fits is connected",
	});
	expect(scene.submit({ policies: { fallback: "never" } }).status).toBe("pending");
	expect(scene.submit({ policies: { fallback: "never" }, constraints: { machine: "here" } }).placements[0]).toMatchObject({
		because: "targeted",
	});
});

test("while others are only busy, the embedded worker waits its time, unless policy says at once", () => {
	const scene = new Scene();
	scene.connect("here", { slots: 9 }, { embedded: true });
	scene.connect("box");
	expect(scene.submit().attempts[0]!.worker).toBe("box");
	const patient = scene.submit({ policies: { fallback: { afterMs: 3000 } } });
	expect(scene.view.explain(patient.spec.id, scene.now)?.candidates).toContainEqual({
		worker: "here",
		excluded: "the coordinator's own worker: may take it in 3 s",
	});
	expect(scene.submit({ policies: { fallback: "always" } }).placements[0]!.sentence).toMatch(/as all others that fit are busy$/);
	expect(scene.submit({ prefer: { machine: "here" } }).placements[0]).toMatchObject({ worker: "here", because: "preferred" });
	const never = scene.submit({ policies: { fallback: "never" } });
	scene.pass(2999);
	expect(patient.status).toBe("pending");
	scene.pass(1);
	expect(patient.placements[0]!.sentence).toMatch(/as all others that fit are busy for too long$/);
	scene.pass(60_000);
	expect(never.status).toBe("pending");
});

test("work falls back when the last of the others leaves, and when the embedded worker gets room after its time", () => {
	const scene = new Scene();
	scene.connect("here", {}, { embedded: true });
	scene.connect("box");
	const first = scene.submit();
	const [second, third] = [scene.submit(), scene.submit()];
	expect(first.attempts[0]!.worker).toBe("box");
	scene.disconnect("box");
	expect(second!.attempts[0]?.worker).toBe("here");
	scene.connect("box", {}, { session: "box/2" });
	scene.sync("box", [scene.listed(first)]);
	scene.pass(10_000);
	expect(third!.status).toBe("pending");
	scene.complete(second!);
	expect(third!.placements[0]).toMatchObject({ worker: "here", because: "fallback" });
});

test("the time of a fallback is that of the task that is next", () => {
	const scene = new Scene();
	scene.connect("here", { slots: 9 }, { embedded: true });
	scene.connect("box");
	scene.submit();
	const next = scene.submit();
	scene.pass(4000);
	const later = scene.submit();
	scene.ask({ type: "task.cancel", actor: admin, task: next.spec.id, force: false });
	scene.pass(9999);
	expect(later.status).toBe("pending");
	scene.pass(1);
	expect(later.attempts[0]!.worker).toBe("here");
});

test("the embedded worker leaves to others what they can take, and does not take what is not due to it", () => {
	const scene = new Scene();
	scene.connect("here", {}, { embedded: true });
	const mine = scene.submit();
	scene.connect("box");
	const theirs = scene.submit();
	const waiting = scene.submit();
	scene.complete(mine);
	expect([theirs.attempts[0]!.worker, waiting.status]).toEqual(["box", "pending"]);
	scene.submit({ constraints: { os: "darwin" }, policies: { fallback: "always" } });
	scene.sync("here");
	expect(scene.worker("here").slotsUsed).toBe(0);
});

test("a worker that got room takes the most important work, then of who had least, then the oldest, over all classes", () => {
	const scene = new Scene();
	const by = actor("ben");
	const [plain, linux, urgent, here] = [
		scene.submit(),
		scene.submit({ constraints: { os: "linux" } }),
		scene.submit({ constraints: { arch: "x64" }, priority: 5 }),
		scene.submit({ constraints: { machine: "box" } }, by),
	];
	const wide = scene.submit({ constraints: { slots: 2 }, priority: 9 });
	const worker = scene.connect("box", { slots: 2 });
	const order = [];
	for (let at = 0; at < 5; at++) {
		const [key] = [...worker.held.keys()];
		const task = scene.task(key!.split(".")[0]!);
		order.push(task);
		scene.complete(task);
	}
	expect(order).toEqual([wide, urgent, here, plain, linux]);
});

test("one submission of many classes is placed in order of importance", () => {
	const scene = new Scene();
	scene.connect("box");
	scene.trySubmit([{ constraints: { os: "linux" } }, { priority: 3 }, { constraints: { arch: "x64" }, priority: 2 }]);
	expect([...scene.fleet.tasks.values()].map((task) => task.status)).toEqual(["pending", "claimed", "pending"]);
});

test("classes that nobody needs any more are forgotten, the longest idle first", () => {
	const scene = new Scene();
	scene.connect("box", { slots: 8 });
	for (let at = 0; at < limits.idleClassesMax + 10; at++) {
		const task = scene.submit({ constraints: { memoryBytes: at } });
		if (task.status === "pending") scene.ask({ type: "task.cancel", actor: admin, task: task.spec.id, force: false });
		else scene.complete(task);
	}
	expect(scene.fleet.scheduler.classes.size).toBe(limits.idleClassesMax);
	expect(scene.fleet.scheduler.active.size).toBe(0);
});

test("a record names a bounded number of candidates, with the best bid chosen", () => {
	const scene = new Scene();
	for (let at = 0; at < 40; at++) scene.connect(`w${at}`, { slots: 4, warm: at % 2 === 0 ? [repository] : [] });
	for (let at = 0; at < 40; at++) scene.sync(`w${at}`, [], { pressure: { cpu: (at % 5) / 20, io: 0, memory: 0, admits: true } });
	for (let at = 0; at < 60; at++) {
		const { candidates, worker } = scene.submit({ ...inRepository, prefer: { machine: "w7", spillMs: 0 } }).placements[0]!;
		expect(candidates.length).toBeLessThanOrEqual(limits.candidatesMax);
		const bids = candidates.map(({ bid }) => bid!);
		expect(candidates.find((candidate) => candidate.worker === worker)?.bid).toBe(Math.max(...bids));
	}
});

test("whatever happens, slots are never overbooked and no worker with room leaves work that fits it waiting", () => {
	const names = ["a", "b", "c"];
	const command = fc.record({
		kind: fc.constantFrom("submit", "submit", "connect", "complete", "disconnect", "drain", "sync", "pass", "decline", "cancel"),
		name: fc.constantFrom(...names),
		slots: fc.integer({ min: 1, max: 3 }),
		os: fc.constantFrom(undefined, "linux", "darwin"),
		priority: fc.constantFrom(0, 1),
		pick: fc.nat(),
	});
	fc.assert(
		fc.property(fc.array(command, { maxLength: 60 }), (commands) => {
			const scene = new Scene();
			for (const { kind, name, slots, os, priority, pick } of commands) {
				const worker = scene.fleet.workers.get(name);
				const running = [...scene.fleet.tasks.values()].filter((task) => task.lease !== undefined);
				const task = running[pick % Math.max(1, running.length)];
				if (kind === "submit")
					scene.submit({ constraints: { slots, ...(os && { os }) }, priority, prefer: { machine: name } }, actor(name));
				else if (kind === "connect")
					scene.connect(name, { slots: slots + 1, os: os ?? "linux" }, { session: `${name}/${pick}`, instance: `${pick % 2}` });
				else if (kind === "disconnect" && worker?.session !== undefined) scene.disconnect(name, pick % 2 === 0);
				else if (kind === "drain" && worker !== undefined)
					scene.ask({ type: "worker.drain", actor: admin, worker: name, draining: pick % 2 === 0 });
				else if (kind === "sync" && worker?.session !== undefined)
					scene.sync(
						name,
						running.filter((each) => each.lease?.worker === name).map((each) => scene.listed(each)),
					);
				else if (kind === "pass") scene.pass(pick % 120_000);
				else if (kind === "complete" && task !== undefined) scene.complete(task);
				else if (kind === "decline" && task !== undefined) scene.decline(task);
				else if (kind === "cancel" && task !== undefined)
					scene.ask({ type: "task.cancel", actor: admin, task: task.spec.id, force: false });
				for (const each of scene.fleet.workers.values()) {
					const used = [...scene.fleet.tasks.values()].filter((other) => other.lease?.worker === each.record.name);
					expect(each.slotsUsed).toBe(used.reduce((sum, other) => sum + other.spec.submission.constraints.slots, 0));
					for (const workClass of scene.fleet.scheduler.classes.values()) {
						const first = workClass.queue.peek();
						if (first === undefined || !workClass.eligible.has(each.standing.number)) continue;
						expect(openSlots(each)).toBeLessThan(workClass.needs.constraints.slots);
					}
				}
			}
		}),
		{ numRuns: 200 },
	);
});

test("a task that was due for the fallback behind a more urgent one takes it as soon as that one is gone", () => {
	for (const away of ["cancelled", "placed"] as const) {
		const scene = new Scene();
		const far = scene.connect("far", { slots: 1 });
		scene.connect("here", { slots: 1 }, { embedded: true });
		const running = scene.submit({ policies: { fallback: "never" } });
		const patient = scene.submit({ policies: { fallback: { afterMs: 3000 } } });
		scene.pass(2000);
		const urgent = scene.submit({ priority: 1, policies: { fallback: { afterMs: 3000 } } });
		scene.pass(2000);
		expect(patient.status).toBe("pending");
		if (away === "placed") scene.complete(running);
		else scene.ask({ type: "task.cancel", actor: admin, task: urgent.spec.id, force: false });
		expect(urgent.attempts.at(-1)?.worker).toBe(away === "placed" ? far.record.name : undefined);
		expect(patient.attempts[0]?.worker).toBe("here");
	}
});

test("a fallback that was no matter when the task came is due in time once a busy worker that fits is back", () => {
	const scene = new Scene();
	scene.connect("far", { slots: 1 });
	scene.connect("here", { slots: 1 }, { embedded: true });
	const running = scene.submit({ policies: { fallback: "never" } });
	const own = scene.submit({ constraints: { machine: "here" } });
	scene.disconnect("far");
	const patient = scene.submit({ policies: { fallback: { afterMs: 3000 } } });
	scene.connect("far", { slots: 1 }, { session: "far/2" });
	scene.sync("far", [scene.listed(running)]);
	scene.complete(own);
	expect(patient.status).toBe("pending");
	scene.pass(3000);
	expect(patient.placements[0]).toMatchObject({ worker: "here", because: "fallback" });
});
