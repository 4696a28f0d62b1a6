import { request } from "node:http";
import { connect, type Fleet, type FollowItem } from "@covey/client";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type PlayedWorker, playWorker } from "#coordinator/played-worker.fixture.ts";
import { startCoordinator, type TestCoordinator } from "#coordinator/start-coordinator.fixture.ts";

let home: TestCoordinator;
let fleet: Fleet;
let worker: PlayedWorker;

beforeAll(async () => {
	home = await startCoordinator();
	fleet = await connect({ url: home.coordinator.url, token: home.adminToken });
	worker = playWorker(home.coordinator);
});
afterAll(async () => {
	fleet.close();
	await home[Symbol.asyncDispose]();
});

async function begin() {
	const { task } = await fleet.submit({ payload: { command: ["true"] }, policies: { fallback: "always" } });
	const attempt = await worker.assigned();
	attempt.started();
	return { task, attempt };
}

async function gather(items: AsyncIterable<FollowItem>) {
	const output: Buffer[] = [];
	const marks: string[] = [];
	for await (const item of items) {
		if (item.type === "output") output.push(Buffer.from(item.data));
		else if (item.type === "task") marks.push(`${item.task.status}${item.ended ? "!" : ""}`);
		else marks.push(`${item.type} ${item.attempt}`);
	}
	return { output: Buffer.concat(output), marks };
}

describe("a follower", () => {
	it("sees the output as it comes, byte for byte, and the end behind the last of it", async () => {
		const { task, attempt } = await begin();
		const followed = gather(fleet.follow(task));
		const bytes = Buffer.from(Array.from({ length: 100_000 }, (_, i) => i % 256));
		attempt.write("stdout", "one\n");
		attempt.write("stderr", bytes);
		attempt.write("stdout", "last\n");
		attempt.end("passed");
		const { output, marks } = await followed;
		expect(output.equals(Buffer.concat([Buffer.from("one\n"), bytes, Buffer.from("last\n")]))).toBe(true);
		expect(marks).toContain("attempt 1");
		expect(marks.at(-1)).toBe("done!");
		expect(marks.filter((mark) => mark.endsWith("!"))).toHaveLength(1);
	});

	it("of an ended task gets all of it from any offset", async () => {
		const { task, attempt } = await begin();
		attempt.write("stdout", "0123456789");
		attempt.end("failed", 3);
		await fleet.call("task.wait", { task });
		expect((await gather(fleet.follow(task, { offset: 4 }))).output.toString()).toBe("456789");
		expect((await gather(fleet.follow(task, { output: false }))).marks.at(-1)).toBe("failed!");
	});

	it("with little credit gets everything in small pieces", async () => {
		const { task, attempt } = await begin();
		const text = "abcdefghij".repeat(1000);
		attempt.write("stdout", text);
		attempt.end("passed");
		const { output } = await gather(fleet.follow(task, { creditBytes: 100 }));
		expect(output.toString()).toBe(text);
	});

	it("goes on to the next attempt of a task that is tried again", async () => {
		const { task } = await fleet.submit({
			payload: { command: ["true"] },
			policies: { fallback: "always", retry: { outcomes: ["bad_environment"], backoffMs: 1 } },
		});
		const first = await worker.assigned();
		first.started();
		first.write("stdout", "first");
		const followed = gather(fleet.follow(task));
		first.end("bad_environment");
		const second = await worker.assigned();
		second.started();
		second.write("stdout", "second");
		second.end("passed");
		const { output, marks } = await followed;
		expect(marks.at(-1)).toBe("done!");
		expect(output.toString()).toMatch(/^(first)?second$/);
	});
});

describe("the log over HTTP", () => {
	it("is raw bytes, from an offset, and follows to the end", async () => {
		const { task, attempt } = await begin();
		attempt.write("stdout", "hello ");
		const following = home.call("GET", `/api/v1/tasks/${task}/log?follow=1&offset=2`);
		attempt.write("stderr", "world");
		attempt.end("passed");
		await fleet.call("task.wait", { task });
		const { text, headers } = await following;
		expect(text).toBe("llo world");
		expect(headers).toMatchObject({ "covey-attempt": "1", "covey-offset": "2" });
		expect((await home.call("GET", `/api/v1/tasks/${task}/log?attempt=2`)).status).toBe(404);
	});

	it("of an attempt that is over ends where that ended, though the task waits for its next one", async () => {
		const retry = { outcomes: ["bad_environment" as const], backoffMs: 60_000, backoffMaxMs: 60_000 };
		const { task } = await fleet.submit({ payload: { command: ["true"] }, policies: { fallback: "always", retry } });
		(await worker.assigned()).end("bad_environment");
		for await (const item of fleet.follow(task, { output: false })) {
			if (item.type === "task" && item.task.status === "pending" && item.task.attempt === 1) break;
		}
		expect(await home.call("GET", `/api/v1/tasks/${task}/log?follow=1`)).toMatchObject({ status: 200, text: "" });
		await fleet.call("task.cancel", { task });
	});

	it("is events with offsets for whoever asks so, and goes on behind the last one seen", async () => {
		const { task, attempt } = await begin();
		attempt.write("stdout", "hello ");
		attempt.write("stderr", "world");
		attempt.end("passed");
		await fleet.call("task.wait", { task });
		const read = async (headers: Record<string, string>) =>
			(await home.call("GET", `/api/v1/tasks/${task}/log`, { headers: { accept: "text/event-stream", ...headers } })).text;
		const all = await read({});
		expect(all).toContain(`event: stdout\nid: 6\ndata: {"offset":0,"base64":"${btoa("hello ")}"}`);
		expect(all).toContain(`event: stderr\nid: 11\n`);
		expect(all).toContain("event: end\n");
		const rest = await read({ "last-event-id": "6" });
		expect(rest).not.toContain("event: stdout");
		expect(rest).toContain("event: stderr");
	});
});

describe("events over HTTP", () => {
	/** Reads the stream until `enough`. */
	function readEvents(headers: Record<string, string>, enough: (text: string) => boolean): Promise<string> {
		return new Promise((resolve, reject) => {
			const { url } = home.coordinator;
			const asked = request(
				`${url}/api/v1/events`,
				{ agent: false, headers: { authorization: `Bearer ${home.adminToken}`, ...headers } },
				(response) => {
					let text = "";
					response.setEncoding("utf8").on("data", (chunk: string) => {
						text += chunk;
						if (!enough(text)) return;
						asked.destroy();
						resolve(text);
					});
				},
			);
			asked.once("error", reject).end();
		});
	}

	it("come as they happen, and again behind Last-Event-ID", async () => {
		const before = home.coordinator.control.sequence;
		const { task, attempt } = await begin();
		attempt.end("passed");
		const isOver = (text: string) => text.includes(`"${task}"`) && text.includes('"status":"done"');
		const text = await readEvents({ "last-event-id": String(before) }, isOver);
		expect(text.match(/"status":"(\w+)"/g)).toContain('"status":"pending"');
		expect(text).toMatch(/event: task\nid: \d+\n/);
	});

	it("say so when what was asked for is not kept", async () => {
		const disk = await import("#journal/memory/disk.ts");
		const { openMemoryJournal } = await import("#journal/memory/journal.ts");
		const state = disk.createMemoryDisk();
		{
			await using first = await startCoordinator({ journal: openMemoryJournal({ disk: state }) });
			await first.call("POST", "/api/v1/tasks", { body: { submissions: [{ payload: { command: ["true"] } }] } });
		}
		await using second = await startCoordinator({ journal: openMemoryJournal({ disk: state }) });
		const text = await new Promise<string>((resolve) => {
			const headers = { authorization: `Bearer ${second.adminToken}`, "last-event-id": "0" };
			const asked = request(`${second.coordinator.url}/api/v1/events`, { agent: false, headers }, (response) => {
				let seen = "";
				response.setEncoding("utf8").on("data", (chunk: string) => {
					seen += chunk;
					if (!seen.includes("event: reset")) return;
					asked.destroy();
					resolve(seen);
				});
			});
			asked.end();
		});
		expect(text).toContain('"reason":"events after 0 are no longer kept"');
	});
});
