import type { TaskView } from "@covey/protocol";
import { expect, test } from "vitest";
import { stateOf } from "./under-way.ts";

const taskOf = (status: TaskView["status"], attempt?: object) =>
	({ status, createdAt: 0, attempts: attempt ? [{ number: 1, worker: "mini", claimedAt: 1000, ...attempt }] : [] }) as unknown as TaskView;

test("where a job stands, and since when nobody has heard of its worker", () => {
	const now = 60_000;
	expect(stateOf(taskOf("pending"), { now })).toBe("waiting for a worker for 60 s");
	expect(stateOf(taskOf("claimed", {}), { now })).toBe("being prepared on mini");
	expect(stateOf(taskOf("in_progress", { startedAt: 26_000 }), { now })).toBe("running on mini for 34 s");
	expect(stateOf(taskOf("in_progress", { startedAt: 26_000 }), { now, silentSince: 48_000 })).toBe(
		"running on mini, which has not been heard of for 12 s",
	);
});
