import { request } from "node:http";
import { isEnded } from "@covey/protocol";
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { expect, test } from "vitest";
import { Fleet } from "../kit/fleet.ts";
import { Repository } from "../kit/repository.ts";
import { verifies } from "./verifies.ts";

async function connected(url: string, token: string, mode: "legacy" | "auto" = "legacy"): Promise<Client> {
	const client = new Client({ name: "a-test", version: "1" }, { versionNegotiation: { mode } });
	await client.connect(
		new StreamableHTTPClientTransport(new URL("/mcp", url), { requestInit: { headers: { Authorization: `Bearer ${token}` } } }),
	);
	return client;
}

test("/mcp serves a token its worktree, to old clients and new ones", async () => {
	verifies("mcp:http");
	await using fleet = await Fleet.start({ workers: 1 });
	using repository = new Repository({ "a.txt": "one\n" });
	repository.write({ "a.txt": "two\n" });
	const token = await fleet.token("mcp", "--worktree", repository.directory);
	for (const mode of ["legacy", "auto"] as const) {
		await using client = Object.assign(await connected(fleet.url, token.trim(), mode), { [Symbol.asyncDispose]: () => client.close() });
		expect((await client.listTools()).tools).toHaveLength(8);
		const ran = await client.callTool({ name: "run_command", arguments: { command: "cat a.txt" } });
		expect(ran.structuredContent).toMatchObject({ outcome: "passed", output: "two", machine: "worker-1", tree: repository.tree() });
		const begun = await client.callTool({ name: "run_command", arguments: { command: "sleep 600", wait_secs: 1 } });
		const { job_id } = begun.structuredContent as { readonly job_id: string };
		expect(begun.structuredContent).toMatchObject({ status: "in_progress" });
		// Another request is another connection: the id is all that is needed.
		await client.callTool({ name: "job_cancel", arguments: { job_id } });
		expect((await client.callTool({ name: "job_wait", arguments: { job_id } })).structuredContent).toMatchObject({ outcome: "cancelled" });
	}
});

test.each(["legacy", "auto"] as const)("calls that are given up, early or late, end their runs and harm nobody: %s", async (mode) => {
	verifies("mcp:http", "mcp:ends");
	await using fleet = await Fleet.start({ workers: 1 });
	using repository = new Repository();
	const token = await fleet.token("mcp", "--worktree", repository.directory);
	const client = await connected(fleet.url, token.trim(), mode);
	for (let i = 0; i < 20; i++) {
		repository.write({ "README.md": `committed ${i}\n` });
		repository.git("commit", "-qam", `${i}`);
		repository.write({ "README.md": `edited ${i}\n` });
		const abort = new AbortController();
		const call = client.callTool({ name: "run_command", arguments: { command: `sleep 600; : ${i}` } }, { signal: abort.signal });
		// In the snapshot, on its way, at the worker: wherever it happens to be.
		setTimeout(() => abort.abort(), i * 10);
		await expect(call).rejects.toThrow();
	}
	const still = await client.callTool({ name: "run_command", arguments: { command: "cat README.md" } });
	expect(still.structuredContent).toMatchObject({ outcome: "passed", output: "edited 19" });
	await expect.poll(async () => (await fleet.tasks(/sleep 600/)).filter(({ status }) => !isEnded(status)), { timeout: 20_000 }).toEqual([]);
	await fleet.workers[0]!.machine.empty("sleep 600");
	await client.close();
});

test("a token that names no worktree may look and wait, not build", async () => {
	verifies("mcp:http");
	await using fleet = await Fleet.start({ workers: 1 });
	const token = await fleet.token("client", "--role", "submit");
	const client = await connected(fleet.url, token.trim());
	expect((await client.callTool({ name: "worker_status", arguments: {} })).structuredContent).toMatchObject({
		workers: [{ id: "worker-1" }],
	});
	const refused = await client.callTool({ name: "test", arguments: {} });
	expect(refused).toMatchObject({
		isError: true,
		content: [{ text: expect.stringMatching(/names no worktree.*covey token create mcp --worktree PATH/s) }],
	});
	await client.close();
});

test("wrong tokens, foreign hosts, foreign pages and tokens that may not submit are refused", async () => {
	verifies("mcp:http");
	await using fleet = await Fleet.start();
	using repository = new Repository();
	const good = (await fleet.token("mcp", "--worktree", repository.directory)).trim();
	const reader = (await fleet.token("client", "--role", "read")).trim();
	const status = (headers: Readonly<Record<string, string>>, method = "POST") =>
		new Promise<number | undefined>((resolve, reject) => {
			const call = request(
				new URL("/mcp", fleet.url),
				{ method, headers: { "content-type": "application/json", accept: "application/json, text/event-stream", ...headers } },
				(response) => {
					response.resume();
					resolve(response.statusCode);
				},
			);
			call.on("error", reject);
			call.end(method === "POST" ? JSON.stringify({ jsonrpc: "2.0", id: 1, method: "tools/list", params: {} }) : undefined);
		});
	const bearer = (token: string) => ({ authorization: `Bearer ${token}` });
	expect(await status(bearer(good))).toBe(200);
	expect(await status({})).toBe(401);
	expect(await status(bearer(`${good.slice(0, -1)}x`))).toBe(401);
	expect(await status(bearer(reader))).toBe(403);
	expect(await status({ ...bearer(good), host: "evil.example" })).toBe(421);
	expect(await status({ ...bearer(good), origin: "http://evil.example" })).toBe(403);
	expect(await status(bearer(good), "GET")).toBe(405);
});

test("the worktree of a token must be one", async () => {
	verifies("mcp:http");
	await using fleet = await Fleet.start();
	const missing = await fleet.client.covey(["token", "create", "mcp"]);
	expect(missing).toMatchObject({ code: 2, stderr: expect.stringContaining("--worktree PATH") });
	for (const path of ["/nowhere/at/all", fleet.client.home]) {
		const none = await fleet.client.covey(["token", "create", "mcp", "--worktree", path]);
		expect(none).toMatchObject({ code: 2, stdout: Buffer.alloc(0), stderr: expect.stringContaining(path) });
	}
});
