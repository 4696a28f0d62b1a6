import { TaskSubmission } from "@covey/protocol";
import { expect, test } from "vitest";
import { admin, Scene } from "./fleet.fixture.ts";

test("a task reads as its submission, its state and its attempts", () => {
	const scene = new Scene();
	scene.connect("box");
	const task = scene.submit({ payload: { command: ["cargo", "test"] } });
	expect(scene.view.task(task.spec.id)).toMatchObject({
		id: task.spec.id,
		title: "cargo test",
		status: "claimed",
		submitter: "ann",
		attempt: 1,
		placement: { worker: "box" },
		cancelRequested: false,
	});
	expect(scene.view.task("t_none")).toBeUndefined();
	expect(scene.view.taskRecord(task.spec.id)).toBe(task);
	expect(scene.view.task(scene.submit({ payload: null }).spec.id)?.title).toBe("run");
	expect(scene.view.task(scene.submit({ title: "nightly" }).spec.id)?.title).toBe("nightly");
});

test("tasks come newest first, page by page", () => {
	const scene = new Scene();
	const ids = Array.from({ length: 5 }, () => scene.submit().spec.id).toReversed();
	const page = (before?: number) => scene.view.tasks({ limit: 2, matches: () => true, ...(before !== undefined && { before }) });
	const [one, two, three] = [page(), page(page().next), page(page(page().next).next)];
	expect([one, two, three].flatMap(({ tasks }) => tasks.map(({ id }) => id))).toEqual(ids);
	expect([one.next, two.next, three.next].map((next) => next !== undefined)).toEqual([true, true, false]);
	expect(scene.view.tasks({ limit: 9, matches: (task) => task.spec.id === ids[3] }).tasks).toHaveLength(1);
	expect(scene.view.tasks({ limit: 0, matches: () => true })).toEqual({ tasks: [] });
});

test("a worker reads as what it offers and holds; tags of its token outrank its own", () => {
	const scene = new Scene();
	scene.enrol("box", { tags: { zone: "a" } });
	expect(scene.view.worker("box")).toMatchObject({ status: "gone", protocol: 0, attempts: [], embedded: false });
	scene.connect("box", { slots: 2, tags: { zone: "x", gpu: "yes" } });
	const task = scene.submit();
	expect(scene.view.workers()).toMatchObject([
		{
			name: "box",
			status: "connected",
			protocol: 2,
			slotsUsed: 1,
			attempts: [`${task.spec.id}.1`],
			offer: { tags: { zone: "a", gpu: "yes" } },
			connectedAt: scene.now,
		},
	]);
	expect(scene.view.worker("none")).toBeUndefined();
	expect(scene.view.workerRecord("box")).toBe(scene.worker("box"));
	scene.token("k", { label: "laptop" });
	expect(scene.view.token("k")?.label).toBe("laptop");
	expect(scene.view.tokens()).toMatchObject([{ id: "k" }]);
});

test("counts follow what happens", () => {
	const scene = new Scene();
	for (const name of ["a", "b", "c"]) scene.connect(name, { slots: 2 });
	const tasks = Array.from({ length: 7 }, () => scene.submit());
	scene.start(tasks[0]!);
	scene.complete(tasks[1]!, { outcome: "needs_human" });
	scene.disconnect("c");
	scene.enrol("d");
	scene.ask({ type: "worker.drain", actor: admin, worker: "b", draining: true });
	scene.ask({ type: "worker.drain", actor: admin, worker: "d", draining: true });
	expect(scene.view.counts()).toEqual({
		tasks: { pending: 0, claimed: 5, in_progress: 1, needs_human: 1 },
		workers: { connected: 2, disconnected: 1, draining: 1 },
		slots: { total: 2, used: 6 },
	});
	expect(scene.view.endedHeld()).toBe(0);
	scene.complete(tasks[0]!);
	expect(scene.view.endedHeld()).toBe(1);
});

test("tasks are read by their ids, the newest first, in whatever order they came", () => {
	const scene = new Scene();
	const ids = [4, 1, 5, 2, 3].map((n) => `t_${String(n).padStart(26, "0")}`);
	for (const id of ids) {
		const submission = TaskSubmission.parse({ payload: null });
		scene.ask({ type: "task.submit", actor: admin, tasks: [{ id, ask: id.replace("t", "a"), submission }] });
	}
	const numbers = (limit: number, before?: string) =>
		scene.view.tasksById({ limit, ...(before !== undefined && { before }) }).map(({ id }) => Number(id.slice(2)));
	expect(numbers(9)).toEqual([5, 4, 3, 2, 1]);
	expect(numbers(2)).toEqual([5, 4]);
	expect(numbers(2, ids[0])).toEqual([3, 2]);
	expect(numbers(2, ids[1])).toEqual([]);
});

test("a waiting task says what it waits for and what keeps each worker from it", () => {
	const scene = new Scene();
	const why = (id: string) => scene.view.explain(id, scene.now)!;
	const first = scene.submit({ constraints: { os: "linux" } });
	expect(why(first.spec.id)).toMatchObject({
		status: "pending",
		sentence: "waits for a worker: none has ever joined",
		ahead: 0,
		candidates: [],
		placements: [],
	});
	scene.connect("mac", { os: "darwin" });
	expect(why(first.spec.id)).toMatchObject({
		sentence: "waits for a worker that meets its constraints: none of 1 does",
		candidates: [{ worker: "mac", excluded: "os: wanted linux, is darwin" }],
	});
	for (const name of ["busy", "draining", "away", "left", "revoked"]) scene.connect(name, { slots: name === "busy" ? 1 : 2 });
	scene.complete(first);
	scene.ask({ type: "worker.drain", actor: admin, worker: "draining", draining: true });
	scene.disconnect("away");
	scene.disconnect("left", true);
	scene.ask({ type: "worker.revoke", actor: admin, worker: "revoked" });
	scene.submit({ constraints: { os: "linux" } });
	const [one, two, three] = [1, 2, 3].map(() => scene.submit({ constraints: { os: "linux" } }));
	expect(why(one!.spec.id).sentence).toBe("waits for a free slot on one of 5 workers that fits; it is next");
	expect(why(two!.spec.id).sentence).toMatch(/; 1 task is ahead of it$/);
	expect(why(three!.spec.id)).toMatchObject({ sentence: expect.stringMatching(/; 2 tasks are ahead of it$/), ahead: 2 });
	expect(why(one!.spec.id).candidates).toEqual([
		{ worker: "busy", excluded: "busy: 1 of 1 slots used" },
		{ worker: "draining", excluded: "draining: takes no new work" },
		{ worker: "away", excluded: "disconnected; its leases run on" },
		{ worker: "left", excluded: "not connected" },
		{ worker: "revoked", excluded: "revoked" },
		{ worker: "mac", excluded: "os: wanted linux, is darwin" },
	]);
	expect(scene.view.explain("t_none", scene.now)).toBeUndefined();
});

test("a targeted task names its machine; one of several slots says how many it wants", () => {
	const scene = new Scene();
	scene.connect("box", { slots: 2 });
	scene.submit();
	const task = scene.submit({ constraints: { slots: 2 } });
	expect(scene.view.explain(task.spec.id, scene.now)).toMatchObject({
		sentence: "waits for 2 free slots on the one worker that fits; it is next",
		candidates: [{ worker: "box", excluded: "busy: 1 of 2 slots used, 2 wanted" }],
	});
	const targeted = scene.submit({ constraints: { slots: 2, machine: "box" } });
	expect(scene.view.explain(targeted.spec.id, scene.now)?.sentence).toBe("waits for 2 free slots on box that fits; it is next");
});

test("a task that is held back says for how long, and who could run it", () => {
	const scene = new Scene();
	scene.connect("here", {}, { embedded: true });
	scene.connect("box");
	const later = scene.submit({ notBefore: scene.now + 5000 });
	expect(scene.view.explain(later.spec.id, scene.now)).toMatchObject({
		sentence: "waits 5 s more, as asked for",
		candidates: [
			{ worker: "here", excluded: "the coordinator's own worker: may take it in 15 s" },
			{ worker: "box", bid: 100 },
		],
	});
	expect(scene.view.explain(later.spec.id, scene.now)).not.toHaveProperty("ahead");
	const retried = scene.submit();
	scene.complete(retried, { outcome: "out_of_memory" });
	expect(scene.view.explain(retried.spec.id, scene.now)?.sentence).toBe("waits 1 s before it is tried again");
	const always = scene.submit({ notBefore: scene.now + 1, policies: { fallback: "always" }, constraints: { slots: 1 } });
	expect(scene.view.explain(always.spec.id, scene.now)?.candidates).toContainEqual({ worker: "here", bid: 100 });
});

test("a placed task says why it ran there, and an ended one how it ended", () => {
	const scene = new Scene();
	scene.connect("box", { slots: 4 });
	const task = scene.submit();
	const told = scene.view.explain(task.spec.id, scene.now)!;
	expect(told.sentence).toBe("box: 4 of 4 slots free, the only worker that fits");
	expect(told).toMatchObject({ candidates: [{ worker: "box", bid: 100 }], placements: [{ attempt: 1 }] });
	scene.complete(task);
	expect(scene.view.explain(task.spec.id, scene.now)?.sentence).toBe(
		"box: 4 of 4 slots free, the only worker that fits; done: the command exited with 0",
	);
	const never = scene.submit({ constraints: { os: "darwin" } });
	scene.ask({ type: "task.cancel", actor: admin, task: never.spec.id, force: false });
	expect(scene.view.explain(never.spec.id, scene.now)).toMatchObject({ sentence: "cancelled: admin cancelled it", candidates: [] });
});

test("an explanation names a bounded number of workers", () => {
	const scene = new Scene();
	for (let at = 0; at < 40; at++) scene.connect(`w${at}`, { os: at % 2 === 0 ? "linux" : "darwin" });
	const task = scene.submit({ constraints: { os: "linux", arch: "arm64" } });
	expect(scene.view.explain(task.spec.id, scene.now)?.candidates).toHaveLength(16);
	for (let at = 0; at < 20; at++) scene.submit({ constraints: { os: "linux" } });
	const waiting = scene.submit({ constraints: { os: "linux" } });
	expect(scene.view.explain(waiting.spec.id, scene.now)).toMatchObject({ sentence: expect.stringContaining("one of 20 workers") });
});

test("when all that fit take nothing, it is they that are waited for, and not a slot", () => {
	const scene = new Scene();
	scene.connect("cores");
	scene.ask({ type: "worker.drain", actor: admin, worker: "cores", draining: true });
	const task = scene.submit({ policies: { fallback: "never" } });
	const sentence = () => scene.view.explain(task.spec.id, scene.now)?.sentence;
	expect(sentence()).toBe("waits for the one worker that fits: cores (draining: takes no new work)");
	scene.connect("mini");
	scene.ask({ type: "worker.drain", actor: admin, worker: "mini", draining: true });
	scene.complete(task);
	const next = scene.submit({ policies: { fallback: "never" } });
	expect(scene.view.explain(next.spec.id, scene.now)?.sentence).toMatch(/^waits for one of the 2 workers that fits: cores \(draining/);
});
