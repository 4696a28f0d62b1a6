import type { Outcome, TaskStatus } from "@covey/protocol";
import { afterAll, describe, expect, test, vi } from "vitest";
import { admin, Scene } from "./fleet.fixture.ts";
import { restore, resume } from "./fleet.ts";
import type { Task } from "./task.ts";
import type * as transitions from "./transitions.ts";
import { assertMove, attemptTransitions, leaseTransitions, refuseMove, taskTransitions, workerTransitions } from "./transitions.ts";

/** The moves that the core made in this file, as "task: pending → claimed". */
const taken = vi.hoisted(() => new Set<string>());
vi.mock("./transitions.ts", async (load) => {
	const real = await load<typeof transitions>();
	const watched: typeof real.assertMove = (table, from, to) => {
		real.assertMove(table, from, to);
		taken.add(`${table.noun}: ${from} → ${to}`);
	};
	return { ...real, assertMove: watched };
});

const tables = [taskTransitions, attemptTransitions, workerTransitions, leaseTransitions] as const;

afterAll(() => {
	const known = tables.flatMap(({ noun, moves }) => moves.map(({ from, to }) => `${noun}: ${from} → ${to}`));
	expect([...taken].sort()).toEqual(known.sort());
});

/** A task on a worker that has begun with it or not. */
function atWork(state: "claimed" | "in_progress"): { scene: Scene; task: Task } {
	const scene = new Scene();
	scene.connect("box");
	const task = scene.submit();
	if (state === "in_progress") scene.start(task);
	expect(task.status).toBe(state);
	return { scene, task };
}

function resolved(outcome: Outcome, to: "pending" | "done" | "failed" | "cancelled"): TaskStatus {
	const { scene, task } = atWork("in_progress");
	scene.complete(task, { outcome });
	scene.disconnect("box");
	scene.ask({ type: "task.resolve", actor: admin, task: task.spec.id, to });
	return task.status;
}

describe("every move of the table is made", () => {
	test.each(["claimed", "in_progress"] as const)("by a task that is %s, to each end", (state) => {
		for (const [outcome, status] of [
			["passed", "done"],
			["failed", "failed"],
			["needs_human", "needs_human"],
		] as const) {
			const { scene, task } = atWork(state);
			scene.complete(task, { outcome });
			expect(task.status).toBe(status);
		}
	});

	test.each(["claimed", "in_progress"] as const)("by a task that is %s and is cancelled, or lost with its worker", (state) => {
		const cancelled = atWork(state);
		cancelled.scene.ask({ type: "task.cancel", actor: admin, task: cancelled.task.spec.id, force: false });
		cancelled.scene.complete(cancelled.task, { outcome: "cancelled" });
		expect(cancelled.task.status).toBe("cancelled");
		const lost = atWork(state);
		lost.scene.disconnect("box", true);
		expect(lost.task.status).toBe("pending");
		lost.scene.ask({ type: "task.cancel", actor: admin, task: lost.task.spec.id, force: false });
		expect(lost.task.status).toBe("cancelled");
	});

	test.each([
		["needs_human", "pending"],
		["needs_human", "done"],
		["needs_human", "failed"],
		["needs_human", "cancelled"],
		["failed", "pending"],
		["failed", "done"],
	] as const)("by a person, from %s to %s", (outcome, to) => {
		expect(resolved(outcome, to)).toBe(to);
	});

	test("by a worker that comes, goes, returns and is revoked, and by a coordinator that starts again", () => {
		const scene = new Scene();
		const status = () => scene.worker("box").status;
		scene.connect("box");
		scene.connect("box", {}, { session: "box/2" });
		scene.disconnect("box");
		expect(status()).toBe("disconnected");
		scene.connect("box", {}, { session: "box/3" });
		scene.disconnect("box", true);
		expect(status()).toBe("gone");
		const again = new Scene();
		restore(again.fleet, [{ kind: "worker", id: "box", version: 1, value: { ...scene.worker("box").record } }]);
		resume(again.fleet, again.now);
		expect(again.worker("box").status).toBe("disconnected");
		again.ask({ type: "worker.revoke", actor: admin, worker: "box" });
		expect(again.worker("box").status).toBe("gone");
		scene.ask({ type: "worker.revoke", actor: admin, worker: "box" });
		expect(status()).toBe("gone");
	});
});

describe("no other move is made", () => {
	test.each(tables.map((table) => [table.noun, table] as const))("by a %s", (_noun, table: transitions.TransitionTable<string>) => {
		const states = [...new Set(table.moves.flatMap(({ from, to }) => [from, to]))];
		for (const [from, to] of states.flatMap((from) => states.map((to) => [from, to] as const))) {
			if (table.moves.some((move) => move.from === from && move.to === to)) continue;
			expect(() => assertMove(table, from, to)).toThrow(`${table.noun} never moves from ${from} to ${to}`);
		}
	});

	test("by a person, than those that the table leaves to persons", () => {
		const states = [...new Set(taskTransitions.moves.flatMap(({ from, to }) => [from, to]))];
		for (const [from, to] of states.flatMap((from) => states.map((to) => [from, to] as const))) {
			const allowed = taskTransitions.moves.some((move) => move.from === from && move.to === to && move.person);
			expect(refuseMove(taskTransitions, "t_1", from, to) === undefined).toBe(allowed);
		}
	});
});
