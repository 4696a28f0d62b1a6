import { startCoordinator, taskId, taskView } from "@covey/client/coordinator.fixture";
import { expect, test } from "vitest";
import { createHome, startCovey } from "#cli/covey.fixture.ts";

test("who cancels what is cancelled already has what they asked for, and reads who was first", async () => {
	using home = createHome();
	const task = taskView({ status: "cancelled", outcome: "cancelled", endedAt: 2, message: "anna cancelled it" });
	await using coordinator = await startCoordinator({
		message: ({ id }, connection) => connection.send({ type: "result", id, output: task }),
	});
	const { code, stderr } = await startCovey(["cancel", taskId], { home, environment: { COVEY_URL: coordinator.url, COVEY_TOKEN: "x" } })
		.ended;
	expect([code, stderr]).toEqual([0, `${taskId} is cancelled already: anna cancelled it\n`]);
	expect(coordinator.received.map((message) => message.type === "call" && message.operation)).toEqual(["task.get"]);
});
