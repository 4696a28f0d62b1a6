import { readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { Agent } from "../kit/agent.ts";
import { Fleet } from "../kit/fleet.ts";
import { Machine } from "../kit/machine.ts";
import { Repository } from "../kit/repository.ts";
import { verifies } from "./verifies.ts";

test("a directory that is no worktree is refused at the start, with the way out", async () => {
	verifies("mcp:refusals");
	await using fleet = await Fleet.start();
	const directory = await mkdtemp(join(tmpdir(), "covey-no-worktree-"));
	try {
		const outside = await fleet.client.covey(["mcp", "--worktree", directory]);
		expect(outside).toMatchObject({ code: 2, stdout: Buffer.alloc(0), stderr: expect.stringContaining(directory) });
		const missing = await fleet.client.covey(["mcp", "--worktree", join(directory, "missing")]);
		expect(missing).toMatchObject({ code: 2, stderr: expect.stringContaining("missing") });
	} finally {
		await rm(directory, { recursive: true });
	}
});

test("arguments that cannot be are refused by name", async () => {
	verifies("mcp:refusals");
	await using fleet = await Fleet.start({ workers: 1 });
	using repository = new Repository({ "package.json": '{"name":"x","scripts":{"start":"true"}}' });
	await using agent = await Agent.start(fleet.client, repository.directory);
	const refused: [string, object, RegExp][] = [
		["run_command", {}, /command/],
		["run_command", { command: "true", timeout_secs: 0 }, /timeout_secs/],
		["run_command", { command: "true", timeout_secs: 1e9 }, /timeout_secs/],
		["run_command", { command: "a\0b" }, /NUL/],
		["run_command", { command: " \n" }, /command: it holds only spaces/],
		["run_command", { command: 7 }, /command: has to be text, and is 7/],
		["test", { filter: ["a"] }, /filter/],
		["run_command", { command: "true", timeout_sec: 5 }, /timeout_sec/],
		["test", { filters: "a" }, /filters/],
		["job_wait", { job_id: "nonsense" }, /job_id/],
		["job_wait", { job_id: "t_00000000000000000000000000" }, /t_00000000000000000000000000/],
		["test", {}, /no script "test".*start/s],
	];
	for (const [name, args, sentence] of refused) {
		const answer = await agent.call(name, args as Record<string, unknown>);
		expect(answer, JSON.stringify([name, args])).toMatchObject({ isError: true, text: expect.stringMatching(sentence) });
		expect(answer.text.length, answer.text).toBeLessThan(900);
	}
	expect(await fleet.tasks(/./)).toHaveLength(0);
});

test("a broken .covey.toml is told at each call, and counts as soon as it is mended", async () => {
	verifies("mcp:refusals");
	await using fleet = await Fleet.start({ workers: 1 });
	using repository = new Repository({ ".covey.toml": "[commands.test\n" });
	await using agent = await Agent.start(fleet.client, repository.directory);
	expect(await agent.call("test")).toMatchObject({ isError: true, text: expect.stringMatching(/\.covey\.toml/) });
	expect(await agent.call("worker_status")).toMatchObject({ isError: false });
	repository.write({ ".covey.toml": '[commands.test]\ncommand = "echo mended"\n' });
	expect((await agent.call("test")).structured).toMatchObject({ outcome: "passed", output: "mended" });
	repository.write({ ".covey.toml": '[commands.test]\ncommand = "echo changed"\n' });
	expect((await agent.call("test")).structured).toMatchObject({ outcome: "passed", output: "changed" });
});

test("a key that was used for another call is refused", async () => {
	verifies("mcp:refusals");
	await using fleet = await Fleet.start({ workers: 1 });
	using repository = new Repository();
	await using agent = await Agent.start(fleet.client, repository.directory);
	await agent.call("run_command", { command: "echo one", idempotency_key: "k" });
	const other = await agent.call("run_command", { command: "echo two", idempotency_key: "k" });
	expect(other).toMatchObject({ isError: true, structured: { code: "conflict" } });
	expect(other.text).toContain("echo one");
});

test("with no worker and fallback never it is refused, and says why", async () => {
	verifies("mcp:refusals");
	await using fleet = await Fleet.start({ localSlots: 1 });
	using repository = new Repository({ ".covey.toml": '[client]\nfallback = "never"\n' });
	await using agent = await Agent.start(fleet.client, repository.directory);
	const answer = await agent.call("run_command", { command: "true" });
	expect(answer).toMatchObject({ isError: true, structured: { code: "no_worker" } });
	expect(answer.text).toMatch(/^NOT DONE: no worker meets the constraints: local .*fallback: never.*\nWhat to do: .*covey join/);
});

test("a coordinator that is away is told, and found again by the next call", async () => {
	verifies("mcp:refusals");
	await using fleet = await Fleet.start({ workers: 1 });
	using repository = new Repository();
	await using agent = await Agent.start(fleet.client, repository.directory, { environment: { COVEY_URL: "http://127.0.0.1:9" } });
	const answer = await agent.call("run_command", { command: "true" });
	expect(answer).toMatchObject({ isError: true, structured: { code: "unavailable" } });
	expect(answer.text).toContain("http://127.0.0.1:9");
});

test("a worker lost in the middle: the job is tried again and answered once", async () => {
	verifies("mcp:refusals");
	await using fleet = await Fleet.start({ workers: 1, leaseTtl: "3s" });
	using repository = new Repository();
	await using agent = await Agent.start(fleet.client, repository.directory);
	const begun = await agent.call("run_command", {
		command: "echo $COVEY_ATTEMPT | grep -q '\\.1$' && sleep 600; echo second",
		wait_secs: 1,
	});
	const [first] = fleet.workers;
	await fleet.join("worker-2");
	first!.daemon.child.kill("SIGKILL");
	const ended = await agent.call("job_wait", { job_id: begun.structured.job_id });
	expect(ended.structured).toMatchObject({ outcome: "passed", output: "second", machine: "worker-2" });
});

test("with HOME and PATH alone the server works, and no key of the agent stays in its environment", async () => {
	verifies("mcp:bare");
	await using fleet = await Fleet.start({ workers: 1 });
	using repository = new Repository();
	const { HOME = "", PATH = "", TMPDIR = "", COVEY_TOKEN_FILE = "" } = { ...fleet.client.environment };
	const words = ["--url", fleet.url, "--token-file", COVEY_TOKEN_FILE];
	const bare = { environment: { HOME, PATH, TMPDIR } } as Pick<typeof fleet.client, "environment">;
	await using agent = await Agent.start(bare as typeof fleet.client, repository.directory, {
		words,
		environment: { SOME_API_KEY: "sk-secret", CLAUDECODE: "1" },
	});
	const answer = await agent.call("run_command", { command: "env" });
	expect(answer.structured).toMatchObject({ outcome: "passed", machine: "worker-1" });
	expect(answer.structured.output).not.toContain("sk-secret");
	const children = readFileSync(`/proc/${agent.pid}/task/${agent.pid}/children`, "utf8").trim();
	expect(children, "no helper of the server stays").toBe("");
});

test("a coordinator that ended is started again by the next call", { timeout: 60_000 }, async () => {
	verifies("mcp:restart");
	await using machine = await Machine.create();
	using repository = new Repository();
	const running = () => JSON.parse(readFileSync(join(machine.state, "coordinator", "coordinator.json"), "utf8")).pid as number;
	{
		await using agent = await Agent.start(machine, repository.directory);
		expect((await agent.call("run_command", { command: "echo one" })).structured).toMatchObject({ outcome: "passed", machine: "local" });
		const first = running();
		process.kill(first, "SIGTERM");
		expect((await agent.call("run_command", { command: "echo two" })).structured).toMatchObject({ outcome: "passed", output: "two" });
		expect(running()).not.toBe(first);
	}
	process.kill(running(), "SIGTERM");
});
