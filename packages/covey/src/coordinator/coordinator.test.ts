import { mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect, type Fleet } from "@covey/client";
import { type FleetEvent, operations } from "@covey/protocol";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createMemoryDisk } from "#journal/memory/disk.ts";
import { openMemoryJournal } from "#journal/memory/journal.ts";
import { startCoordinator, type TestCoordinator } from "./start-coordinator.fixture.ts";

let home: TestCoordinator;
let fleet: Fleet;

beforeAll(async () => {
	home = await startCoordinator();
	fleet = await connect({ url: home.coordinator.url, token: home.adminToken });
});
afterAll(async () => {
	fleet.close();
	await home[Symbol.asyncDispose]();
});

const run = (over: object = {}) => ({ payload: { command: ["true"] }, ...over });

async function makeToken(input: object): Promise<string> {
	const { status, json } = await home.call("POST", "/api/v1/tokens", { body: { kind: "client", ...input } });
	expect(status).toBe(200);
	return json.token;
}

describe("tasks over HTTP", () => {
	it("are submitted, shown, listed, explained, cancelled and found again, each answer as its schema says", async () => {
		const submitted = await home.call("POST", "/api/v1/tasks", { body: { submissions: [run({ title: "over http" })] } });
		expect(submitted.status).toBe(200);
		const { task } = operations["task.submit"].output.parse(submitted.json).results[0]!;
		const paths = [
			["task.get", `/api/v1/tasks/${task}`],
			["task.wait", `/api/v1/tasks/${task}/wait?timeoutMs=1`],
			["task.explain", `/api/v1/tasks/${task}/why`],
			["task.list", "/api/v1/tasks?status=pending&text=over+http"],
			["worker.list", "/api/v1/workers"],
			["token.list", "/api/v1/tokens"],
			["fleet.status", "/api/v1/status"],
			["audit.list", "/api/v1/audit?limit=5"],
		] as const;
		for (const [name, path] of paths) {
			const { status, json } = await home.call("GET", path);
			expect(status, name).toBe(200);
			operations[name].output.parse(json);
		}
		const cancelled = await home.call("POST", `/api/v1/tasks/${task}/cancel`, { body: {} });
		expect(operations["task.cancel"].output.parse(cancelled.json)).toMatchObject({ status: "cancelled", outcome: "cancelled" });
		expect((await home.call("POST", `/api/v1/tasks/${task}/cancel`, { body: {} })).json.code).toBe("transition_refused");
		expect((await home.call("GET", `/api/v1/tasks/${task}/wait`)).json.status).toBe("cancelled");
		expect((await home.call("GET", `/api/v1/tasks/t_${"0".repeat(26)}`)).json.code).toBe("not_found");
	});

	it("with a snapshot that is not here, or a payload that is none, are refused whole", async () => {
		const before = (await home.call("GET", "/api/v1/tasks?limit=1000")).json.tasks.length;
		const snapshot = { repository: "0".repeat(32), tree: "1".repeat(40), commit: "2".repeat(40) };
		const bad = await home.call("POST", "/api/v1/tasks", { body: { submissions: [run(), { payload: { command: ["true"], snapshot } }] } });
		expect([bad.status, bad.json.code]).toEqual([422, "bad_snapshot"]);
		expect((await home.call("POST", "/api/v1/tasks", { body: { submissions: [{ payload: { command: [] } }] } })).json.code).toBe(
			"bad_request",
		);
		expect((await home.call("GET", "/api/v1/tasks?limit=1000")).json.tasks).toHaveLength(before);
	});

	it("are found by their dedup key while they live and after they ended", async () => {
		const submission = run({ dedupKey: "once", title: "deduplicated" });
		const first = await fleet.submit(submission);
		expect(await fleet.submit(submission)).toMatchObject({ task: first.task, deduplicated: true });
		await fleet.call("task.cancel", { task: first.task });
		expect(await fleet.submit(submission)).toMatchObject({ task: first.task, deduplicated: true });
	});

	it("are still there after history was rebuilt from the journal", async () => {
		const { task } = await fleet.submit(run());
		await fleet.call("task.cancel", { task });
		const rebuilt = await home.call("POST", "/api/v1/history/rebuild", { body: {} });
		expect(operations["history.rebuild"].output.parse(rebuilt.json).tasks).toBeGreaterThanOrEqual(0);
		expect(await fleet.call("task.get", { task })).toMatchObject({ status: "cancelled" });
	});

	it("are listed in pages, each once, over memory and history", async () => {
		const ids = new Set<string>();
		for (let i = 0; i < 7; i++) {
			const { task } = await fleet.submit(run({ title: "paged", namespace: "pages" }));
			ids.add(task);
			if (i % 2) await fleet.call("task.cancel", { task });
		}
		const seen = new Set<string>();
		let cursor: string | undefined;
		do {
			const page = await fleet.call("task.list", { limit: 2, namespace: "pages", ...(cursor && { cursor }) });
			for (const { id } of page.tasks) seen.add(id);
			cursor = page.next;
		} while (cursor);
		expect(seen).toEqual(ids);
		await expect(fleet.call("task.list", { cursor: "nonsense" })).rejects.toMatchObject({ code: "bad_request" });
	});
});

describe("roles and namespaces", () => {
	it("let a token do what it is for, and nothing else", async () => {
		const reader = await makeToken({ roles: ["read"] });
		const submitter = await makeToken({ roles: ["submit"], namespaces: ["web"] });
		const worker = await makeToken({ roles: ["worker"] });
		const submit = (token: string, namespace: string) =>
			home.call("POST", "/api/v1/tasks", { token, body: { submissions: [run({ namespace })] } });
		expect((await submit(reader, "web")).status).toBe(403);
		expect((await submit(submitter, "default")).status).toBe(403);
		const { json } = await submit(submitter, "web");
		const { task } = json.results[0];
		const foreign = (await fleet.submit(run())).task;
		const status = async (token: string, path: string, method = "GET") =>
			(await home.call(method, path, { token, ...(method === "POST" && { body: {} }) })).status;
		expect(await status(reader, `/api/v1/tasks/${foreign}`)).toBe(200);
		expect(await status(submitter, `/api/v1/tasks/${task}`)).toBe(200);
		expect(await status(submitter, `/api/v1/tasks/${foreign}`)).toBe(404);
		expect(await status(submitter, `/api/v1/tasks/${foreign}/cancel`, "POST")).toBe(404);
		expect(await status(worker, `/api/v1/tasks/${task}`)).toBe(403);
		expect(await status(reader, "/api/v1/tokens")).toBe(403);
		expect(await status(reader, "/metrics")).toBe(200);
		expect(await status(worker, "/metrics")).toBe(403);
		const listed = await home.call("GET", "/api/v1/tasks?limit=1000", { token: submitter });
		expect(new Set(listed.json.tasks.map((each: { namespace: string }) => each.namespace))).toEqual(new Set(["web"]));
	});

	it("end with the token's revocation, and its secret is nowhere", async () => {
		const { token, record } = await fleet.call("token.create", { kind: "client", roles: ["read"], label: "short-lived" });
		expect((await home.call("GET", "/api/v1/status", { token })).status).toBe(200);
		expect(operations["token.revoke"].output.parse((await home.call("DELETE", `/api/v1/tokens/${record.id}`)).json).revoked).toBe(true);
		expect((await home.call("GET", "/api/v1/status", { token })).status).toBe(401);
		const { text } = await home.call("GET", "/api/v1/tokens");
		expect(text).toContain("short-lived");
		expect(text).not.toContain(token.split(".")[2]);
		expect(text).not.toContain("secretHash");
	});

	it("are checked as they are given", async () => {
		expect((await home.call("POST", "/api/v1/tokens", { body: { kind: "client" } })).json.message).toContain("at least one role");
		expect((await home.call("POST", "/api/v1/tokens", { body: { kind: "join", roles: ["read"] } })).status).toBe(400);
		const join = (await home.call("POST", "/api/v1/tokens", { body: { kind: "join" } })).json;
		expect(join.token.split(".")[1]).toBe(home.coordinator.fingerprint);
		expect(join.record.expiresAt).toBeGreaterThan(join.record.createdAt);
	});
});

describe("the client socket", () => {
	it("answers many calls at once, and refuses one without harm to the others", async () => {
		const submissions = Array.from({ length: 200 }, (_, i) => fleet.submit(run({ title: `burst ${i}` })));
		const unknown = fleet.call("task.get", { task: `t_${"0".repeat(26)}` });
		await expect(unknown).rejects.toMatchObject({ code: "not_found" });
		expect(new Set((await Promise.all(submissions)).map(({ task }) => task)).size).toBe(200);
	});

	it("tells a follower of the end of a task that never ran", async () => {
		const { task } = await fleet.submit(run());
		const seen: string[] = [];
		for await (const item of fleet.follow(task)) {
			if (item.type !== "task") continue;
			seen.push(`${item.task.status} ${item.ended}`);
			if (seen.length === 1) await fleet.call("task.cancel", { task });
		}
		expect(seen).toEqual(["pending false", "cancelled true"]);
	});

	it("tells events in order, and again from any sequence", async () => {
		const after = home.coordinator.control.sequence;
		const { task } = await fleet.submit(run());
		await fleet.call("task.cancel", { task });
		const seen: FleetEvent[] = [];
		for await (const event of fleet.events({ sequence: after })) {
			seen.push(event);
			if (event.type === "task" && event.task === task && event.status === "cancelled") break;
		}
		expect(seen.filter((event) => event.type === "task").map((event) => event.status)).toEqual(["pending", "cancelled"]);
	});

	it("refuses a wrong token with its reason", async () => {
		await expect(connect({ url: home.coordinator.url, token: "cvt_1.wrong" })).rejects.toMatchObject({ code: "unauthenticated" });
	});
});

describe("health", () => {
	it("is told without a token, and metrics begin at 0", async () => {
		expect((await home.call("GET", "/livez", { token: "" })).text).toBe("ok\n");
		expect((await home.call("GET", "/readyz?verbose", { token: "" })).json).toMatchObject({ ready: true, state: "ready" });
		const { text } = await home.call("GET", "/metrics");
		for (const line of [
			'covey_tasks_total{outcome="passed"} 0',
			'covey_workers{state="connected"} 0',
			"covey_queue_wait_seconds_count",
			"covey_build_info{",
			"covey_log_bytes_total 0",
		]) {
			expect(text).toContain(line);
		}
		expect(text).toMatch(/covey_journal_commit_seconds_count [1-9]/);
		expect(text).not.toMatch(/t_[0-9a-z]{26}/);
	});
});

describe("a life of a coordinator", () => {
	it("stops with clients on the line, and tells them", async () => {
		await using own = await startCoordinator();
		const client = await connect({ url: own.coordinator.url, token: own.adminToken, reconnect: false });
		const { task } = await client.submit(run());
		const following = client.follow(task)[Symbol.asyncIterator]();
		await following.next();
		const streaming = own.call("GET", "/api/v1/events");
		await own.call("GET", "/livez");
		await own.coordinator.stop();
		await expect(following.next()).rejects.toMatchObject({ code: "unavailable" });
		expect((await streaming).text).toContain("retry:");
		await expect(own.call("GET", "/livez")).rejects.toThrow("ECONNREFUSED");
	});

	it("keeps key, admin token and tasks over a restart on the same state", async () => {
		const disk = createMemoryDisk();
		const directory = await mkdtemp(join(tmpdir(), "covey-restart-"));
		try {
			const first = await startCoordinator({ directory, journal: openMemoryJournal({ disk }) });
			const { json } = await first.call("POST", "/api/v1/tasks", { body: { submissions: [run()] } });
			const { fingerprint } = first.coordinator;
			await first.coordinator.stop();
			await first.coordinator.stop();
			expect((await stat(join(directory, "coordinator.key"))).mode & 0o777).toBe(0o600);
			await using second = await startCoordinator({ directory, journal: openMemoryJournal({ disk }) });
			expect(second.coordinator.fingerprint).toBe(fingerprint);
			expect(second.adminToken).toBe(first.adminToken);
			expect((await second.call("GET", `/api/v1/tasks/${json.results[0].task}`)).json.status).toBe("pending");
		} finally {
			await rm(directory, { recursive: true });
		}
	});
});
