import { isEnded } from "@covey/protocol";
import { expect, test } from "vitest";
import { Agent } from "../kit/agent.ts";
import { Fleet } from "../kit/fleet.ts";
import { Gate } from "../kit/gate.ts";
import { JsonRpc } from "../kit/json-rpc.ts";
import { Repository } from "../kit/repository.ts";
import { verifies } from "./verifies.ts";

/** Runs one test whose length a gate decides. */
const gated = (gate: Gate, more = "echo done") => ({ ".covey.toml": `[commands.test]\ncommand = "echo begun; ${gate.wait}; ${more}"\n` });

test("a call waits only so long; the handle leads on, from another connection too", async () => {
	verifies("mcp:long", "mcp:progress");
	await using fleet = await Fleet.start({ workers: 1 });
	using gate = new Gate();
	using repository = new Repository();
	await using agent = await Agent.start(fleet.client, repository.directory);
	const begun = await agent.call("run_command", { command: `echo begun; ${gate.wait}; echo done; exit 5`, wait_secs: 1 });
	expect(begun).toMatchObject({ isError: false, structured: { status: "in_progress", machine: "worker-1", output: "begun" } });
	expect(begun.structured).not.toHaveProperty("outcome");
	const { job_id } = begun.structured;
	expect(begun.text).toContain(`job_wait {"job_id":"${job_id}"}`);
	expect(await agent.call("job_wait", { job_id, wait_secs: 0 })).toMatchObject({ structured: { status: "in_progress" } });
	expect((await agent.call("job_log", { job_id })).structured).toMatchObject({ output: "begun", next_offset: 6 });

	await using other = await Agent.start(fleet.client, repository.directory);
	const told: string[] = [];
	const waiting = other.call("job_wait", { job_id }, { onprogress: ({ message }) => told.push(message ?? "") });
	await expect.poll(() => told[0], { timeout: 20_000 }).toMatch(/^running on worker-1 for \d+ s: begun$/);
	gate.open();
	const ended = await waiting;
	expect(ended).toMatchObject({ isError: false, structured: { outcome: "failed", exit_code: 5, job_id, output: "begun\ndone" } });
	expect((await other.call("job_log", { job_id, tail: 1 })).structured.output).toBe("done");
	expect((await other.call("job_log", { job_id, grep: "BEG" })).structured.output).toBe("begun");
});

test("a job whose worker is not heard of any more is not said to run", async () => {
	verifies("mcp:progress");
	await using fleet = await Fleet.start({ workers: 1 });
	using repository = new Repository();
	await using agent = await Agent.start(fleet.client, repository.directory);
	const { structured } = await agent.call("run_command", { command: "echo begun; sleep 600", wait_secs: 1 });
	fleet.workers[0]!.daemon.child.kill("SIGKILL");
	const ask = async () => (await agent.call("job_wait", { job_id: structured.job_id, wait_secs: 0 })).text;
	await expect.poll(ask, { timeout: 20_000 }).toMatch(/^IN PROGRESS .*: running on worker-1, which has not been heard of for \d+ s; /);
});

test("job_cancel ends a job and all that it started", async () => {
	verifies("mcp:long");
	await using fleet = await Fleet.start({ workers: 1 });
	using repository = new Repository();
	await using agent = await Agent.start(fleet.client, repository.directory);
	const { structured } = await agent.call("run_command", { command: "setsid sleep 600 & sleep 600", wait_secs: 1 });
	await agent.call("job_cancel", { job_id: structured.job_id });
	const ended = await agent.call("job_wait", { job_id: structured.job_id });
	expect(ended).toMatchObject({ isError: true, structured: { outcome: "cancelled" } });
	expect(ended.text).toMatch(/^CANCELLED run_command/);
});

test("a client that declares tasks gets one and polls it", async () => {
	verifies("mcp:tasks");
	await using fleet = await Fleet.start({ workers: 1 });
	using gate = new Gate();
	using repository = new Repository();
	await using wire = new JsonRpc(fleet.client, repository.directory, { extensions: { "io.modelcontextprotocol/tasks": {} } });
	expect(await wire.request("server/discover")).toMatchObject({ capabilities: { extensions: { "io.modelcontextprotocol/tasks": {} } } });
	const call = (command: string) => wire.request("tools/call", { name: "run_command", arguments: { command } });
	expect(await call("echo short")).toMatchObject({ resultType: "complete", structuredContent: { outcome: "passed", output: "short" } });
	const handle = await call(`${gate.wait}; exit 4`);
	expect(handle).toMatchObject({
		resultType: "task",
		taskId: expect.stringMatching(/^t_/),
		status: "working",
		pollIntervalMs: expect.any(Number),
	});
	const { taskId } = handle as { readonly taskId: string };
	const get = () => wire.request("tasks/get", { taskId });
	expect(await get()).toMatchObject({ status: "working", statusMessage: expect.stringContaining("running on worker-1") });
	gate.open();
	await expect.poll(get, { timeout: 20_000 }).toMatchObject({
		status: "completed",
		result: { structuredContent: { outcome: "failed", exit_code: 4 } },
	});
	const endless = (await call("sleep 600")) as { readonly taskId: string };
	await wire.request("tasks/cancel", { taskId: endless.taskId });
	await expect
		.poll(() => wire.request("tasks/get", { taskId: endless.taskId }), { timeout: 20_000 })
		.toMatchObject({ status: "cancelled" });
});

test("ten agents that ask for the same get one execution", async () => {
	verifies("mcp:merge");
	await using fleet = await Fleet.start({ workers: 2 });
	using gate = new Gate();
	using repository = new Repository(gated(gate, "echo $$; exit 1"));
	await using stack = new AsyncDisposableStack();
	const agents: Agent[] = [];
	for (let i = 0; i < 10; i++) agents.push(stack.use(await Agent.start(fleet.client, repository.directory)));
	const answers = agents.map((agent) => agent.call("test"));
	await expect.poll(async () => (await fleet.tasks(/^test/)).at(0)?.asks.length, { timeout: 30_000 }).toBe(10);
	gate.open();
	const ids = (await Promise.all(answers)).map(({ structured }) => structured.job_id);
	expect(new Set(ids).size).toBe(1);
	expect(await fleet.tasks(/^test/)).toHaveLength(1);
});

test("calls that come at once, as agents make them, do not disturb each other", async () => {
	verifies("mcp:parallel");
	await using fleet = await Fleet.start({ workers: 2 });
	using repository = new Repository();
	await using agent = await Agent.start(fleet.client, repository.directory);
	for (const round of ["one", "two", "three"]) {
		repository.write({ "README.md": `${round}\n` });
		const calls = Array.from({ length: 12 }, (_, i) => agent.call("run_command", { command: `cat README.md; echo ${i}` }));
		const answers = await Promise.all(calls);
		expect(answers.map(({ structured, text }) => structured.output ?? text)).toEqual(answers.map((_, i) => `${round}\n${i}`));
	}
});

test("a newer state of the worktree ends the older run when asked; the same key finds the same run", async () => {
	verifies("mcp:supersede", "mcp:idempotent");
	await using fleet = await Fleet.start({ workers: 1 });
	using gate = new Gate();
	using repository = new Repository(gated(gate));
	await using agent = await Agent.start(fleet.client, repository.directory);
	const older = await agent.call("test", { wait_secs: 1, supersede: true });
	repository.write({ "edited.txt": "since then\n" });
	const newer = await agent.call("test", { wait_secs: 1, supersede: true, idempotency_key: "k" });
	expect(newer.structured.job_id).not.toBe(older.structured.job_id);
	expect(await agent.call("job_wait", { job_id: older.structured.job_id })).toMatchObject({
		isError: true,
		structured: { outcome: "superseded" },
	});
	repository.write({ "edited.txt": "and again\n" });
	expect((await agent.call("test", { wait_secs: 0, idempotency_key: "k" })).structured.job_id).toBe(newer.structured.job_id);
	gate.open();
	expect((await agent.call("job_wait", { job_id: newer.structured.job_id })).structured.outcome).toBe("passed");
	expect((await agent.call("test", { idempotency_key: "k" })).structured).toMatchObject({
		outcome: "passed",
		job_id: newer.structured.job_id,
	});
});

const never = "setsid sleep 600 & sleep 600";

test.each<[string, (agent: Agent) => Promise<void>]>([
	["EOF", (agent) => agent.client.close()],
	["SIGINT", (agent) => agent.kill("SIGINT")],
	["SIGTERM", (agent) => agent.kill("SIGTERM")],
	["SIGHUP", (agent) => agent.kill("SIGHUP")],
])("%s ends what the connection had asked for; what it detached goes on", async (_, end) => {
	verifies("mcp:ends");
	await using fleet = await Fleet.start({ workers: 1 });
	using gate = new Gate();
	using repository = new Repository();
	const agent = await Agent.start(fleet.client, repository.directory);
	const detached = await agent.call("run_command", { command: `${gate.wait}; echo on`, wait_secs: 0, detach: true });
	const own = await agent.call("run_command", { command: never, wait_secs: 1 });
	const waiting = agent.call("job_wait", { job_id: own.structured.job_id }).catch(() => undefined);
	await end(agent);
	await waiting;
	expect(await fleet.task(own.structured.job_id, ({ status }) => isEnded(status))).toMatchObject({ outcome: "cancelled" });
	expect(await fleet.task(detached.structured.job_id)).toMatchObject({ status: "in_progress" });
	gate.open();
	expect(await fleet.task(detached.structured.job_id, ({ status }) => isEnded(status))).toMatchObject({ outcome: "passed" });
});

test("a cancelled call ends its run", async () => {
	verifies("mcp:ends");
	await using fleet = await Fleet.start({ workers: 1 });
	using repository = new Repository();
	await using agent = await Agent.start(fleet.client, repository.directory);
	const abort = new AbortController();
	const call = agent.call("run_command", { command: never }, { signal: abort.signal });
	await expect.poll(async () => (await fleet.tasks(/sleep 600/)).at(0)?.status, { timeout: 20_000 }).toBe("in_progress");
	const [{ id } = { id: "" }] = await fleet.tasks(/sleep 600/);
	abort.abort();
	await expect(call).rejects.toThrow();
	expect(await fleet.task(id, ({ status }) => isEnded(status))).toMatchObject({ outcome: "cancelled" });
});

test("a killed server's runs end when it was not heard of; those of a living one go on", async () => {
	verifies("mcp:killed");
	await using fleet = await Fleet.start({ workers: 1 });
	using gate = new Gate();
	using repository = new Repository();
	const environment = { COVEY_MCP_HOLD: "2s" };
	await using living = await Agent.start(fleet.client, repository.directory, { environment });
	const agent = await Agent.start(fleet.client, repository.directory, { environment });
	const kept = await living.call("run_command", { command: `${gate.wait}; echo kept`, wait_secs: 0 });
	const lost = await agent.call("run_command", { command: never, wait_secs: 1 });
	await agent.kill("SIGKILL");
	const ended = await fleet.task(lost.structured.job_id, ({ status }) => isEnded(status));
	expect(ended).toMatchObject({ outcome: "cancelled", message: expect.stringContaining("had not heard for 2 s of who had asked for it") });
	gate.open();
	expect((await living.call("job_wait", { job_id: kept.structured.job_id })).structured.outcome).toBe("passed");
});
