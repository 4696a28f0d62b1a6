import type { FromClient } from "@covey/protocol";
import { expect, test } from "vitest";
import { connect } from "./connect.ts";
import { type Connection, startCoordinator, taskId } from "./coordinator.fixture.ts";

const submission = (title: string) => ({ title, payload: { command: [title] } });
const titlesOf = (message: FromClient): string[] =>
	message.type === "call" ? (message.input as { submissions: { title: string }[] }).submissions.map(({ title }) => title) : [];

/** Answers each submission with its title as the task's id. */
function accept(message: FromClient, connection: Connection): void {
	const results = titlesOf(message).map((title) => ({ task: title, ask: "a", status: "pending", merged: false, deduplicated: false }));
	connection.send({ type: "result", id: message.id, output: { results } });
}

test("submissions of one tick travel in one frame, each with its own answer", async () => {
	await using coordinator = await startCoordinator({ message: accept });
	await using fleet = await connect({ url: coordinator.url });
	const results = await Promise.all(["a", "b", "c"].map((title) => fleet.submit(submission(title))));
	expect(results.map(({ task }) => task)).toEqual(["a", "b", "c"]);
	expect(coordinator.received).toHaveLength(1);
});

test("no frame holds more submissions, or more text, than the wire allows", async () => {
	await using coordinator = await startCoordinator({ message: accept });
	await using fleet = await connect({ url: coordinator.url });
	await Promise.all(Array.from({ length: 1001 }, (_, index) => fleet.submit(submission(`t${index}`))));
	expect(coordinator.received.map((message) => titlesOf(message).length)).toEqual([1000, 1]);
	const long = "x".repeat(200 * 1024);
	await Promise.all([fleet.submit({ payload: long, title: "y" }), fleet.submit({ payload: long, title: "z" })]);
	expect(coordinator.received.slice(2).map((message) => titlesOf(message))).toEqual([["y"], ["z"]]);
});

test("one bad submission does not refuse those that shared its tick", async () => {
	await using coordinator = await startCoordinator({
		message(message, connection) {
			if (!titlesOf(message).includes("bad")) accept(message, connection);
			else connection.send({ type: "error", id: message.id, error: { code: "bad_request", message: "bad is bad" } });
		},
	});
	await using fleet = await connect({ url: coordinator.url });
	const [good, bad] = await Promise.allSettled([fleet.submit(submission("good")), fleet.submit(submission("bad"))]);
	expect(good).toMatchObject({ status: "fulfilled", value: { task: "good" } });
	expect(bad).toMatchObject({ status: "rejected", reason: { code: "bad_request" } });
});

test("a dropped link repeats a submission with a dedup key, and only such", async () => {
	await using coordinator = await startCoordinator({
		message(message, connection) {
			if (connection.number === 1) connection.drop();
			else accept(message, connection);
		},
	});
	await using fleet = await connect({ url: coordinator.url });
	await expect(fleet.submit({ ...submission("once"), dedupKey: "k" })).resolves.toMatchObject({ task: "once" });

	await using other = await startCoordinator({ message: (_, connection) => connection.drop() });
	await using careless = await connect({ url: other.url });
	await expect(careless.submit(submission("twice"))).rejects.toMatchObject({ code: "unavailable" });
	expect(other.received).toHaveLength(1);
});

test("a submission with a dedup key outlives a dropped link, whatever was submitted beside it", async () => {
	const result = { task: taskId, ask: "a_01h00000000000000000000000", status: "pending", merged: false, deduplicated: false };
	await using coordinator = await startCoordinator({
		message(message, connection) {
			if (message.type !== "call" || message.operation !== "task.submit") return;
			if (connection.number === 1) connection.drop();
			else connection.send({ type: "result", id: message.id, output: { results: [result] } });
		},
	});
	await using fleet = await connect({ url: coordinator.url });
	const keyed = fleet.submit({ payload: {}, dedupKey: "mine" });
	const plain = fleet.submit({ payload: {} });
	await expect(plain).rejects.toMatchObject({ code: "unavailable" });
	expect(await keyed).toEqual(result);
});
