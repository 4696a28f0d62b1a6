import { expect, test } from "vitest";
import { connect } from "./connect.ts";
import { outputFrame, startCoordinator, taskId, taskView } from "./coordinator.fixture.ts";

const submitted = { results: [{ task: taskId, ask: "a_1", status: "pending", merged: false, deduplicated: false }] };

test("a run gives its output and tells how it ended", async () => {
	await using coordinator = await startCoordinator({
		message({ type, id }, connection) {
			if (type === "call") connection.send({ type: "result", id, output: submitted });
			if (type !== "follow") return;
			connection.sendFrame(outputFrame(id, 0, "hello"));
			const attempts = [{ number: 1, worker: "alpha", claimedAt: 1, report: { outcome: "failed", tree: "f00", facts: { exitCode: 3 } } }];
			const task = taskView({ status: "failed", outcome: "failed", exitCode: 3, endedAt: 1500, attempts: attempts as never });
			connection.send({ type: "task", id, task, ended: true });
		},
	});
	await using fleet = await connect({ url: coordinator.url });
	let output = "";
	const record = await fleet.run({ payload: { command: ["make"] } }, { onOutput: (_, data) => (output += Buffer.from(data)) });
	expect(output).toBe("hello");
	expect(record).toMatchObject({
		schema: 1,
		outcome: "failed",
		exitCode: 3,
		machine: "alpha",
		tree: "f00",
		attempt: 1,
		timings: { total: 500 },
	});
});

test("an aborted run is cancelled, and its record says so", async () => {
	const abort = new AbortController();
	await using coordinator = await startCoordinator({
		message(message, connection) {
			const { id } = message;
			if (message.type === "follow") connection.send({ type: "task", id, task: taskView(), ended: false });
			if (message.type !== "call") return;
			if (message.operation === "task.submit") connection.send({ type: "result", id, output: submitted });
			if (message.operation !== "task.cancel") return;
			expect(message.input).toEqual({ task: taskId, ask: "a_1" });
			const follow = coordinator.received.find(({ type }) => type === "follow");
			const task = taskView({ status: "cancelled", outcome: "cancelled" });
			connection.send({ type: "result", id, output: {} });
			connection.send({ type: "task", id: follow?.id ?? 0, task, ended: true });
		},
	});
	await using fleet = await connect({ url: coordinator.url });
	const record = await fleet.run({ payload: {} }, { signal: abort.signal, onTask: () => abort.abort() });
	expect(record.outcome).toBe("cancelled");
});
