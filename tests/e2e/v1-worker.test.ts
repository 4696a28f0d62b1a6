import { spawn } from "node:child_process";
import { join } from "node:path";
import { expect, test } from "vitest";
import { root } from "../architecture/sources.ts";
import { Agent } from "../kit/agent.ts";
import { Fleet, recordOf } from "../kit/fleet.ts";
import { Daemon, Machine } from "../kit/machine.ts";
import { Repository } from "../kit/repository.ts";
import { seededProjects } from "../kit/seeded-projects.ts";
import { verifies } from "./verifies.ts";

/** A worker that others wrote: Python, plain git and the published messages. */
class ForeignWorker implements AsyncDisposable {
	readonly machine: Machine;
	readonly daemon: Daemon;

	private constructor(machine: Machine, daemon: Daemon) {
		this.machine = machine;
		this.daemon = daemon;
	}

	static async start(fleet: Fleet, token: string): Promise<ForeignWorker> {
		const machine = await Machine.create({ environment: { COVEY_WORKER_TOKEN: token } });
		const url = `${fleet.url.replace("http", "ws")}/ws`;
		const child = spawn("python3", [join(root, "tests/kit/v1-worker.py"), url, "foreign", "2"], { env: machine.environment });
		return new ForeignWorker(machine, new Daemon(child));
	}

	async [Symbol.asyncDispose](): Promise<void> {
		await this.daemon.stop("SIGINT");
		await this.machine[Symbol.asyncDispose]();
	}
}

test("a foreign v1 worker registers, fetches by plain git, streams and completes", async () => {
	verifies("v1:run", "v1:cancel");
	await using fleet = await Fleet.start();
	using repository = new Repository({ "data/greeting": "hello\n" });
	const cwd = repository.directory;
	await using foreign = await ForeignWorker.start(fleet, (await fleet.token("worker")).trim());
	await foreign.daemon.says(/registered/);
	await fleet.worker("foreign", "connected");
	repository.write({ "data/greeting": "changed\n", "new file": "untracked\n" });
	const script = "cat greeting '../new file'; echo \"it's $GIVEN\" >&2; exit 5";
	const finished = await fleet.run(["--json", "--env-var", "GIVEN=a b", "--", "sh", "-c", script], { cwd: join(cwd, "data") });
	expect(finished.stdout.toString(), finished.stderr).toBe("changed\nuntracked\n");
	expect(finished.stderr).toContain("it's a b\n");
	expect(finished.code).toBe(5);
	expect(recordOf(finished)).toMatchObject({ outcome: "failed", exitCode: 5, machine: "foreign", attempt: 1 });
	const both = await Promise.all([1, 2].map((i) => fleet.run(["--", "echo", String(i)], { cwd })));
	expect(both.map(({ code, stdout }) => [code, stdout.toString()])).toEqual([1, 2].map((i) => [0, `${i}\n`]));

	const run = await fleet.client.start(["run", "--json", "--no-snapshot", "--", "sh", "-c", "echo ready; sleep 1040"]);
	await run.says(/ready/, "stdout");
	run.child.kill("SIGINT");
	const ended = await run.ended;
	expect(ended.code).toBe(130);
	expect(recordOf(ended)).toMatchObject({ outcome: "cancelled" });
	await foreign.machine.empty("sleep 1040");
});

test("a foreign v1 worker runs the tests that an agent asks for", async () => {
	verifies("mcp:v1");
	const { files, edit, failure } = seededProjects.find(({ name }) => name === "npm")!;
	await using fleet = await Fleet.start();
	using repository = new Repository(files);
	repository.write(edit);
	await using foreign = await ForeignWorker.start(fleet, (await fleet.token("worker")).trim());
	await foreign.daemon.says(/registered/);
	await fleet.worker("foreign", "connected");
	await using agent = await Agent.start(fleet.client, repository.directory);
	const ran = await agent.call("test");
	expect(ran, ran.text).toMatchObject({
		isError: false,
		structured: { outcome: "failed", passed: 1, failed: 1, failures: [failure], machine: "foreign", tree: repository.tree() },
	});
	expect(ran.structured.notes).toContain("foreign does not prove which tree it ran: the one named is the one that it was sent.");
	const endless = await agent.call("run_command", { command: "sleep 1042", wait_secs: 1 });
	expect(endless.structured).toMatchObject({ status: "in_progress", machine: "foreign" });
	await agent.call("job_cancel", { job_id: endless.structured.job_id });
	expect((await agent.call("job_wait", { job_id: endless.structured.job_id })).structured).toMatchObject({ outcome: "cancelled" });
	await foreign.machine.empty("sleep 1042");
});

test("a v1 worker without the right token is refused", async () => {
	verifies("v1:wrong-token");
	await using fleet = await Fleet.start();
	const tokens = { none: "", made: "cvt_1.aaaaaaaa.bbbbbbbbbbbbbbbb.cccccc", client: await fleet.token("client", "--role", "submit") };
	for (const [kind, token] of Object.entries(tokens)) {
		await using foreign = await ForeignWorker.start(fleet, token.trim());
		const { code, stderr } = await foreign.daemon.ended;
		expect(code, kind).toBe(1);
		expect(stderr, kind).toMatch(/40[13]/);
	}
	expect((await fleet.sdk.call("worker.list", {})).workers.map(({ name }) => name)).not.toContain("foreign");
});
