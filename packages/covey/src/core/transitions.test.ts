import { expect, test } from "vitest";
import {
	assertMove,
	attemptTransitions,
	diagram,
	leaseTransitions,
	refuseMove,
	taskTransitions,
	workerTransitions,
} from "./transitions.ts";

test("a move that the table does not know is a broken belief", () => {
	expect(() => assertMove(taskTransitions, "done", "pending")).toThrow("task never moves from done to pending");
	expect(() => assertMove(attemptTransitions, "ended", "running")).toThrow("attempt never moves");
	assertMove(taskTransitions, "pending", "claimed");
	assertMove(leaseTransitions, "held", "none");
	assertMove(workerTransitions, "gone", "connected");
});

test("a person who asks for a forbidden move hears from where, to where, and what is allowed", () => {
	expect(refuseMove(taskTransitions, "t_1", "failed", "cancelled")).toEqual({
		code: "transition_refused",
		message: "task t_1 is failed and cannot become cancelled",
		hint: "from failed it can become pending, done",
		details: { from: "failed", to: "cancelled", allowed: ["pending", "done"] },
	});
	expect(refuseMove(taskTransitions, "t_1", "done", "pending")?.hint).toBe("nobody moves a task that is done by hand");
	expect(refuseMove(taskTransitions, "t_1", "in_progress", "pending")).toBeDefined();
	expect(refuseMove(taskTransitions, "t_1", "needs_human", "pending")).toBeUndefined();
});

test("the diagram shows every move, who may make it, and where it ends", () => {
	const lines = diagram(taskTransitions).split("\n");
	expect(lines.slice(0, 3)).toEqual(["stateDiagram-v2", "\t[*] --> pending", "\tpending --> claimed: placed on a worker"]);
	expect(lines).toContain("\tfailed --> pending: queued again (a person)");
	expect(lines.slice(-3)).toEqual(["\tcancelled --> [*]", "\tdone --> [*]", ""]);
	expect(lines).toHaveLength(taskTransitions.moves.length + 5);
});
