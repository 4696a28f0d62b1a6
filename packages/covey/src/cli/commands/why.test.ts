import { startCoordinator, taskId, taskView } from "@covey/client/coordinator.fixture";
import type { TaskView } from "@covey/protocol";
import { expect, test } from "vitest";
import { createHome, startCovey } from "#cli/covey.fixture.ts";

const placement = {
	at: 1,
	attempt: 1,
	worker: "mini",
	waitedMs: 0,
	because: "only" as const,
	sentence: "mini: 1 of 1 slots free, the only worker that fits",
	candidates: [],
	workersKnown: 1,
};

async function why(view: Partial<TaskView>, sentence: string): Promise<string> {
	using home = createHome();
	const task = taskView({ placement, ...view });
	const explanation = { task: task.id, status: task.status, sentence, candidates: [], placements: [placement] };
	await using coordinator = await startCoordinator({
		message: (message, connection) => {
			if (message.type !== "call") return;
			const output = message.operation === "task.get" ? task : explanation;
			connection.send({ type: "result", id: message.id, output: output as never });
		},
	});
	const environment = { COVEY_URL: coordinator.url, COVEY_TOKEN: "x" };
	return String((await startCovey(["why", taskId], { home, environment }).ended).stdout);
}

test("why says each thing once: how it ended, and where each attempt went and why there", async () => {
	expect(await why({ status: "cancelled", outcome: "cancelled", message: "anna cancelled it" }, placement.sentence)).toBe(
		`${taskId} ended as cancelled: anna cancelled it\nattempt 1 went to ${placement.sentence}\n`,
	);
	expect(await why({ status: "done", outcome: "passed" }, placement.sentence)).toContain("ended as passed: the command exited with 0\n");
	expect(await why({ status: "in_progress" }, placement.sentence)).toBe(
		`${taskId} is in_progress\nattempt 1 went to ${placement.sentence}\n`,
	);
	expect(await why({ status: "pending" }, "waits for a free slot")).toContain("is pending: waits for a free slot\n");
	expect(await why({ status: "needs_human", outcome: "needs_human", message: "which branch?" }, "")).toContain(
		"waits for a person: which branch?\n",
	);
});
