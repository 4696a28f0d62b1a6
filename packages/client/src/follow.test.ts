import { expect, test } from "vitest";
import { connect } from "./connect.ts";
import { outputFrame, startCoordinator, taskId, taskView } from "./coordinator.fixture.ts";
import type { FollowItem } from "./follow.ts";

const done = taskView({ status: "done", outcome: "passed" });

/** Everything that a follower saw, output as text. */
async function seen(items: AsyncIterable<FollowItem>): Promise<unknown[]> {
	const result: unknown[] = [];
	for await (const item of items) {
		if (item.type === "output") result.push([item.attempt, item.offset, Buffer.from(item.data).toString()]);
		else if (item.type === "gap") result.push({ gap: item.bytes, at: item.offset });
		else if (item.type === "attempt") result.push({ attempt: item.attempt });
		else result.push(item.ended ? "ended" : item.task.status);
	}
	return result;
}

test("output and changes come in order, to the end", async () => {
	await using coordinator = await startCoordinator({
		message({ type, id }, connection) {
			if (type !== "follow") return;
			connection.send({ type: "task", id, task: taskView(), ended: false });
			connection.send({ type: "attempt", id, attempt: 1 });
			connection.sendFrame(outputFrame(id, 0, "ab"));
			connection.sendFrame({ ...outputFrame(id, 2, "c"), stream: "stderr" });
			connection.send({ type: "task", id, task: done, ended: true });
		},
	});
	await using fleet = await connect({ url: coordinator.url });
	expect(await seen(fleet.follow(taskId))).toEqual(["in_progress", { attempt: 1 }, [1, 0, "ab"], [1, 2, "c"], "ended"]);
});

test("after a dropped link it resumes behind the last byte and drops what it has seen", async () => {
	await using coordinator = await startCoordinator({
		message(message, connection) {
			if (message.type !== "follow") return;
			const { id } = message;
			connection.send({ type: "attempt", id, attempt: 1 });
			if (connection.number === 1) {
				connection.sendFrame(outputFrame(id, 0, "abc"));
				connection.drop();
				return;
			}
			// A coordinator that goes back to the start of a chunk, as one with coarse offsets would.
			connection.sendFrame(outputFrame(id, message.offset - 1, "cde"));
			connection.send({ type: "task", id, task: done, ended: true });
		},
	});
	await using fleet = await connect({ url: coordinator.url });
	expect(await seen(fleet.follow(taskId))).toEqual([{ attempt: 1 }, [1, 0, "abc"], [1, 3, "de"], "ended"]);
	expect(coordinator.received.filter(({ type }) => type === "follow")).toMatchObject([{ offset: 0 }, { offset: 3 }]);
});

test("when another attempt began during the drop, it is read from its start", async () => {
	await using coordinator = await startCoordinator({
		message(message, connection) {
			if (message.type !== "follow") return;
			const { id, offset } = message;
			const attempt = connection.number;
			connection.send({ type: "attempt", id, attempt });
			connection.sendFrame(outputFrame(id, offset, "first, second".slice(offset), attempt));
			if (attempt === 1) connection.drop();
			else connection.send({ type: "task", id, task: done, ended: true });
		},
	});
	await using fleet = await connect({ url: coordinator.url });
	expect(await seen(fleet.follow(taskId))).toEqual([
		{ attempt: 1 },
		[1, 0, "first, second"],
		{ attempt: 2 },
		[2, 0, "first, second"],
		"ended",
	]);
});

test("lost output is a marked gap, whether the coordinator says so or not", async () => {
	await using coordinator = await startCoordinator({
		message({ type, id }, connection) {
			if (type !== "follow") return;
			connection.sendFrame({ kind: "gap", stream: "stdout", channel: id, attempt: 1, offset: 0, data: new Uint8Array(), length: 5 });
			connection.sendFrame(outputFrame(id, 5, "x"));
			connection.sendFrame(outputFrame(id, 9, "y"));
			connection.send({ type: "task", id, task: done, ended: true });
		},
	});
	await using fleet = await connect({ url: coordinator.url });
	expect(await seen(fleet.follow(taskId))).toEqual([
		{ attempt: 1 },
		{ gap: 5, at: 0 },
		[1, 5, "x"],
		{ gap: 3, at: 6 },
		[1, 9, "y"],
		"ended",
	]);
});

test("credit is granted as output is taken, and only then", async () => {
	const granted: number[] = [];
	await using coordinator = await startCoordinator({
		message(message, connection) {
			if (message.type === "follow") connection.sendFrame(outputFrame(message.id, 0, "a".repeat(100)));
			if (message.type !== "credit") return;
			granted.push(message.bytes);
			connection.send({ type: "task", id: message.id, task: done, ended: true });
		},
	});
	await using fleet = await connect({ url: coordinator.url });
	const items = fleet.follow(taskId, { creditBytes: 100 })[Symbol.asyncIterator]();
	expect((await items.next()).value).toMatchObject({ type: "attempt" });
	expect((await items.next()).value).toMatchObject({ type: "output" });
	// A round trip after the output arrived: nothing was granted for what has not been taken.
	expect(granted).toEqual([]);
	expect((await items.next()).value).toMatchObject({ type: "task" });
	expect(granted).toEqual([100]);
	expect(coordinator.received[0]).toMatchObject({ creditBytes: 100 });
});

test("one that stops reading tells the coordinator", async () => {
	const closed = Promise.withResolvers<void>();
	await using coordinator = await startCoordinator({
		message({ type, id }, connection) {
			if (type === "follow") connection.sendFrame(outputFrame(id, 0, "a"));
			if (type === "close") closed.resolve();
		},
	});
	await using fleet = await connect({ url: coordinator.url });
	for await (const item of fleet.follow(taskId)) if (item.type === "output") break;
	await closed.promise;
});

test("a task that is not there, and a signal, end it with their reason", async () => {
	await using coordinator = await startCoordinator({
		message: ({ type, id }, connection) => {
			if (type === "follow" && id === 1) connection.send({ type: "closed", id, error: { code: "not_found", message: "no such task" } });
		},
	});
	await using fleet = await connect({ url: coordinator.url });
	await expect(seen(fleet.follow(taskId))).rejects.toMatchObject({ code: "not_found" });
	const abort = new AbortController();
	const following = seen(fleet.follow(taskId, { signal: abort.signal }));
	abort.abort(new Error("enough"));
	await expect(following).rejects.toThrow("enough");
});

test("the output of now is read over HTTP, with its streams and gaps", async () => {
	await using coordinator = await startCoordinator({
		http(request, response) {
			expect(request.url).toBe(`/api/v1/tasks/${taskId}/log?offset=3&attempt=2`);
			response.write("retry: 1000\n\n");
			response.write(`event: stderr\nid: 5\ndata: ${JSON.stringify({ offset: 3, base64: btoa("hi") })}\n\n`);
			response.end(`event: gap\nid: 9\ndata: ${JSON.stringify({ offset: 5, bytes: 4 })}\n\nevent: end\ndata: {}\n\n`);
		},
	});
	await using fleet = await connect({ url: coordinator.url });
	expect(await seen(fleet.output(taskId, { attempt: 2, offset: 3 }))).toEqual([[2, 3, "hi"], { gap: 4, at: 5 }]);
});
