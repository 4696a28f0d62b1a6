import fc from "fast-check";
import { expect, test } from "vitest";
import { actor, admin, Scene } from "#core/fleet.fixture.ts";
import { limits } from "#core/limits.ts";
import type { Task } from "#core/task.ts";

const wide = { constraints: { slots: 2 } };
const why = (scene: Scene, task: Task) => scene.view.explain(task.spec.id, scene.now)!;

/** A worker whose two slots run small tasks, one of several slots that has waited long enough, and a small one behind it. */
function crowded(offer = { slots: 2 }) {
	const scene = new Scene();
	scene.connect("w1", offer);
	const small = Array.from({ length: offer.slots }, () => scene.submit());
	const big = scene.submit(wide);
	const behind = scene.submit();
	stay(scene, limits.reserveAfterMs);
	return { scene, small, big, behind };
}

/** Time passes while the workers renew what they run. */
function stay(scene: Scene, ms: number): void {
	const running = [...scene.fleet.tasks.values()].filter(({ lease }) => lease !== undefined);
	for (const name of scene.fleet.workers.keys())
		scene.sync(
			name,
			running.filter((task) => task.attempts.at(-1)!.worker === name).map((task) => scene.listed(task)),
		);
	scene.pass(ms);
}

test("when a task of several slots has waited long enough, a worker takes nothing smaller until it is placed", () => {
	const { scene, small, big, behind } = crowded();
	expect(why(scene, big).sentence).toBe("waits for 2 free slots on the one worker that fits; it is next; w1 is kept free for it");
	scene.complete(small[0]!);
	expect(behind.status).toBe("pending");
	expect(why(scene, behind).candidates).toEqual([{ worker: "w1", excluded: `kept free for ${big.spec.id}, which wants 2 slots` }]);
	scene.complete(small[1]!);
	expect(big).toMatchObject({ status: "claimed", placements: [{ sentence: expect.stringContaining("kept free for it") }] });
	scene.complete(big);
	expect(behind.status).toBe("claimed");
	expect(scene.fleet.timers.size).toBe(1);
});

test("before that, and for the same time after each turn of its class, small tasks take each slot as it comes", () => {
	const scene = new Scene();
	scene.connect("w1", { slots: 2 });
	const small = [scene.submit(), scene.submit()];
	const [first, second] = [scene.submit(wide), scene.submit(wide)];
	small.push(scene.submit());
	stay(scene, limits.reserveAfterMs - 1);
	scene.complete(small[0]!);
	expect(small[2]!.status).toBe("claimed");
	stay(scene, 1);
	expect(why(scene, second).sentence).toContain(`1 task is ahead of it; w1 is kept free for ${first.spec.id}, which wants 2 slots`);
	scene.complete(small[1]!);
	scene.complete(small[2]!);
	expect([first.status, second.status]).toEqual(["claimed", "pending"]);
	expect(why(scene, second).sentence).not.toContain("kept free");
	stay(scene, limits.reserveAfterMs);
	expect(why(scene, second).sentence).toContain("w1 is kept free for it");
});

test("more urgent work passes a worker that is kept free", () => {
	const { scene, small, big, behind } = crowded();
	scene.complete(small[0]!);
	expect(scene.submit({ priority: 1 }).status).toBe("claimed");
	expect([big.status, behind.status]).toEqual(["pending", "pending"]);
});

test("a more urgent task takes over the worker that was kept free for another", () => {
	const { scene, big } = crowded();
	const urgent = scene.submit({ constraints: { slots: 2, tags: {}, os: "linux" }, priority: 1 });
	stay(scene, limits.reserveAfterMs);
	expect(why(scene, urgent).sentence).toContain("w1 is kept free for it");
	expect(why(scene, big).sentence).not.toContain("kept free");
	scene.ask({ type: "task.cancel", actor: admin, task: urgent.spec.id, force: false });
	expect(why(scene, big).sentence).toContain("w1 is kept free for it");
});

test("with its task cancelled the worker takes small work again; with the next one long due it does not", () => {
	const { scene, small, big, behind } = crowded();
	const young = scene.submit(wide);
	scene.complete(small[0]!);
	scene.ask({ type: "task.cancel", actor: admin, task: big.spec.id, force: false });
	expect([behind.status, young.status]).toEqual(["claimed", "pending"]);
	stay(scene, limits.reserveAfterMs);
	const younger = scene.submit(wide);
	stay(scene, limits.reserveAfterMs);
	scene.ask({ type: "task.cancel", actor: admin, task: young.spec.id, force: false });
	expect(why(scene, younger).sentence).toContain("w1 is kept free for it");
});

test("when the worker leaves, another one is kept free, also one that comes later", () => {
	const { scene, big } = crowded();
	scene.disconnect("w1");
	expect(why(scene, big).sentence).not.toContain("kept free");
	scene.connect("w2", { slots: 2 });
	expect(big.attempts[0]?.worker).toBe("w2");
});

test("a worker that joins busy is kept free for a task that found none", () => {
	const { scene, small, big } = crowded();
	scene.ask({ type: "worker.drain", actor: admin, worker: "w1", draining: true });
	expect(why(scene, big).sentence).not.toContain("kept free");
	scene.ask({ type: "worker.drain", actor: admin, worker: "w1", draining: false });
	expect(why(scene, big).sentence).toContain("w1 is kept free for it");
	for (const task of small) scene.complete(task);
	expect(big.status).toBe("claimed");
});

test("the coordinator's own worker is kept free when there is no other", () => {
	const scene = new Scene();
	scene.connect("own", { slots: 2 }, { embedded: true });
	const small = [scene.submit(), scene.submit()];
	const big = scene.submit(wide);
	stay(scene, limits.reserveAfterMs);
	expect(why(scene, big).sentence).toContain("own is kept free for it");
	for (const task of small) scene.complete(task);
	expect(big.attempts[0]?.worker).toBe("own");
});

test("of several workers the one with most room is kept free, and each class has its own", () => {
	const scene = new Scene();
	scene.connect("full", { slots: 2 });
	const fill = [scene.submit(), scene.submit()];
	scene.connect("half", { slots: 2 });
	const half = scene.submit();
	const [big, other] = [scene.submit(wide), scene.submit({ constraints: { slots: 2, os: "linux" } })];
	const third = scene.submit({ constraints: { slots: 2, arch: "x64" } });
	stay(scene, limits.reserveAfterMs);
	expect(why(scene, big).sentence).toContain("half is kept free for it");
	expect(why(scene, other).sentence).toContain("full is kept free for it");
	expect(why(scene, third).sentence).not.toContain("kept free");
	scene.complete(half);
	expect([big.status, other.status]).toEqual(["claimed", "pending"]);
	expect(why(scene, third).sentence).toContain("half is kept free for it");
	for (const task of fill) scene.complete(task);
	expect(other.status).toBe("claimed");
});

test("no task starves and no two wait for each other, whatever stream of others there is", () => {
	const size = fc.record({ slots: fc.integer({ min: 1, max: 3 }), by: fc.integer({ min: 0, max: 2 }), os: fc.boolean() });
	fc.assert(
		fc.property(
			fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 4 }),
			fc.array(size, { minLength: 1, maxLength: 12 }),
			fc.integer({ min: 1, max: 1000 }),
			(workers, sizes, pick) => {
				const scene = new Scene();
				for (const [at, slots] of [3, ...workers].entries()) scene.connect(`w${at}`, { slots });
				const total = 3 + workers.reduce((sum, slots) => sum + slots, 0);
				// The stream never ends: there is always a small task more than all slots together can take.
				const stream = () => scene.submit({}, actor("stream"));
				for (let at = 0; at < 2 * total; at++) stream();
				const wanted = sizes.map(({ slots, by, os }) =>
					scene.submit({ constraints: { slots, ...(os && { os: "linux" }) } }, actor(`p${by}`)),
				);
				for (let round = 0; wanted.some(({ status }) => status === "pending"); round++) {
					expect(round).toBeLessThan(60 * (wanted.length + 1));
					const running = [...scene.fleet.tasks.values()].filter(({ lease }) => lease !== undefined);
					const task = running[(round * pick) % running.length];
					if (task !== undefined) {
						scene.complete(task);
						stream();
					}
					stay(scene, limits.reserveAfterMs / 8);
				}
				const kept = scene.fleet.scheduler.workers.filter(({ standing }) => standing.reservedFor !== undefined);
				for (const worker of kept) expect(worker.standing.reservedFor!.reserved).toBe(worker);
			},
		),
		{ numRuns: 60 },
	);
});
