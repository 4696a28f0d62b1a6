import { expect, test } from "vitest";
import { AttemptKey, attemptKey, parseAttemptKey, TaskId, WorkerName } from "./ids.ts";

const task = "t_01jd0000000000000000000000";

test("An attempt's key names its task and number and nothing else reads as one", () => {
	expect(parseAttemptKey(attemptKey(task, 12))).toEqual({ task, attempt: 12 });
	for (const key of [task, `${task}.0`, `${task}.01`, `${task}.1x`, `${task}.12345678`, `x${task}.1`, ""]) {
		expect(parseAttemptKey(key), key).toBeUndefined();
		expect(AttemptKey.safeParse(key).success).toBe(false);
	}
});

test("Ids and names hold nothing that a path, a shell or a log could trip over", () => {
	for (const bad of ["../x", "a b", "A", "-a", "a-", "", ".", "a\n", "ä", "x".repeat(65)]) {
		expect(WorkerName.safeParse(bad).success, bad).toBe(false);
		expect(TaskId.safeParse(bad).success, bad).toBe(false);
	}
	for (const good of ["w1", "a", "build-box.lan", "x".repeat(64)]) expect(WorkerName.safeParse(good).success, good).toBe(true);
});
