import { spawn, spawnSync } from "node:child_process";
import { chmod, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { request } from "node:http";
import { join } from "node:path";
import type { TaskView } from "@covey/protocol";
import { expect, test } from "vitest";
import { root } from "../architecture/sources.ts";
import { BuildPool } from "../kit/build-pool.ts";
import { ask } from "../kit/door.ts";
import { Gate } from "../kit/gate.ts";
import { Daemon, Machine } from "../kit/machine.ts";
import { Repository } from "../kit/repository.ts";
import { verifies } from "./verifies.ts";

const noBubblewrap = spawnSync("bwrap", ["--ro-bind", "/", "/", "--unshare-pid", "true"]).status !== 0;

test("a build agent joins by the agents' own port and runs exact trees where its file says", async () => {
	verifies("build-agent:joins");
	await using pool = await BuildPool.start({ config: () => "[build_pool.local_fallback]\nenabled = false\n" });
	const { machine, daemon, file } = await pool.agent("builder", 'maxJobs = 3\n[tags]\nkind = "builder"\n');
	using repository = new Repository({ "a.txt": "committed\n" });
	repository.write({ "a.txt": "changed\n", "new.txt": "new\n" });
	const run = await pool.machine.covey(
		["run", "--tag", "kind=builder", "--pull", "out", "--", "sh", "-c", "cat a.txt new.txt | tee out; pwd"],
		{
			cwd: repository.directory,
		},
	);
	expect(run).toMatchObject({ code: 0 });
	expect(run.stdout.toString()).toMatch(/^changed\nnew\n/);
	expect(run.stdout.toString()).toContain(join(machine.home, "trees/covey-worktrees"));
	expect(run.stderr).toContain("builder: 3 of 3 slots free");
	expect(await readdir(join(machine.home, "git/covey-repositories/default"))).toHaveLength(1);
	expect(await readdir(machine.home)).not.toContain(".local");

	// Nothing but /ws is there.
	for (const path of ["/", "/readyz", "/api/v1/status", "/api/v1/openapi.json", "/ws"]) {
		const { status, text } = await ask(`http://127.0.0.1:${pool.ports.workers}`, "GET", path, {});
		expect([status, JSON.parse(text).code], path).toEqual([404, "not_found"]);
	}
	expect(await upgrade(pool.ports.workers, "/api/v1/socket")).toBe(404);
	expect(await upgrade(pool.ports.workers, "/ws")).toBe(101);

	// Once it is known, the token may go.
	await daemon.stop();
	await rm(join(machine.home, "token"));
	await machine.start(["worker", "start", "--config", file], { ready: /connected to/ });
});

test("a worker of version 1 that came by the agents' port fetches from the main one", async () => {
	verifies("build-agent:joins");
	await using pool = await BuildPool.start({ config: () => "[build_pool.local_fallback]\nenabled = false\n" });
	const token = (await pool.expect(["token", "create", "worker"])).trim();
	await using machine = await Machine.create({ environment: { COVEY_WORKER_TOKEN: token } });
	const words = [join(root, "tests/kit/v1-worker.py"), `ws://127.0.0.1:${pool.ports.workers}/ws`, "foreign", "1"];
	const foreign = new Daemon(spawn("python3", words, { env: machine.environment }));
	try {
		await foreign.says(/registered/);
		using repository = new Repository({ "a.txt": "committed\n" });
		repository.write({ "a.txt": "changed\n" });
		const run = await pool.machine.covey(["run", "--on", "foreign", "--", "cat", "a.txt"], { cwd: repository.directory });
		expect(run, run.stderr).toMatchObject({ code: 0, stdout: Buffer.from("changed\n") });
	} finally {
		await foreign.stop("SIGINT");
	}
});

test("what is wrong in a build agent's file is told with its place, before anything is started", async () => {
	verifies("build-agent:config");
	await using machine = await Machine.create();
	const file = join(machine.home, "agent.toml");
	const start = async (text: string) => {
		await writeFile(file, text);
		return machine.covey(["worker", "start", "--config", file]);
	};
	expect(await start('serverUrl = "ws://box:8080"\n  maxJob = 3\n')).toMatchObject({
		code: 3,
		stderr: expect.stringContaining(`${file}:2:3: maxJob: no such key`),
	});
	const token = join(machine.home, "token");
	await writeFile(token, "cvjt_1.x");
	await chmod(token, 0o644);
	const open = await start(`serverUrl = "ws://box:8080"\njoinTokenFile = "token"\n`);
	expect(open).toMatchObject({ code: 4, stderr: expect.stringContaining(`joinTokenFile ${token} can be read by others (mode 644)`) });
	const none = await start('serverUrl = "ws://box:8080"\n');
	expect(none).toMatchObject({ code: 3, stderr: expect.stringContaining("joinTokenFile is missing") });
	const flags = await machine.covey(["worker", "start", "--config", file, "--slots", "2"]);
	expect(flags).toMatchObject({ code: 2, stderr: expect.stringContaining("maxJobs") });
	expect(await readdir(machine.home)).not.toContain(".local");
});

test("a build agent ends what runs for longer than its file allows", async () => {
	verifies("build-agent:limits");
	await using pool = await BuildPool.start();
	await pool.agent("builder", 'jobTimeout = "1s"\ngracePeriod = "100ms"\n');
	const words = [
		"run",
		"--no-snapshot",
		"--on",
		"builder",
		"--timeout",
		"50s",
		"--",
		"sh",
		"-c",
		"trap '' TERM; while :; do sleep 0.1; done",
	];
	expect(await pool.machine.covey(words)).toMatchObject({ code: 124 });
});

test("a build agent drains at the first SIGTERM, and ends what runs when its time is over", async () => {
	verifies("build-agent:drains");
	await using pool = await BuildPool.start({ config: () => "[build_pool.local_fallback]\nenabled = false\n" });
	using gate = new Gate();
	const patient = await pool.agent("patient");
	const hold = ["run", "--no-snapshot", "--on", "patient", "--", "sh", "-c", `${gate.wait}; echo done`];
	const first = await pool.machine.start(hold, { ready: /slots free/ });
	patient.daemon.child.kill("SIGTERM");
	await patient.daemon.says(/draining/);
	gate.open();
	expect(await first.ended).toMatchObject({ code: 0, stdout: Buffer.from("done\n") });
	expect(await patient.daemon.ended).toMatchObject({ code: 0 });

	const hasty = await pool.agent("hasty", 'drainTimeout = "300ms"\n');
	const second = await pool.machine.start(["run", "--no-snapshot", "--on", "hasty", "--detach", "--", "sleep", "300"]);
	const task = (await second.ended).stdout.toString().trim();
	await expect.poll(async () => (await pool.json<{ task: TaskView }>(["tasks", "show", task])).task.status).toBe("in_progress");
	hasty.daemon.child.kill("SIGTERM");
	expect(await hasty.daemon.ended).toMatchObject({ code: 0 });
	await hasty.machine.empty("sleep");
	// It was not the job's fault, so it is tried again.
	const { task: lost } = await pool.json<{ task: TaskView }>(["tasks", "show", task]);
	expect(lost).toMatchObject({ status: "pending", attempts: [{ worker: "hasty", report: { outcome: "worker_lost" } }] });
});

test("a build agent whose coordinator is away waits for it, and ends well when it is told to", async () => {
	verifies("build-agent:drains");
	await using pool = await BuildPool.start({ config: () => "[build_pool.local_fallback]\nenabled = false\n" });
	const { machine, daemon, file } = await pool.agent("builder", 'reconnectMax = "1s"\n');
	await daemon.stop();
	await pool.expect(["build-pool", "stop"]);
	const start = () => machine.start(["worker", "start", "--config", file], { ready: /no link to the coordinator/ });
	const alone = await start();
	alone.child.kill("SIGTERM");
	expect(await alone.ended).toMatchObject({ code: 0 });
	const patient = await start();
	await pool.expect(["build-pool", "start"]);
	await patient.says(/connected to/);
	expect((await pool.machine.covey(["run", "--no-snapshot", "--", "echo", "here"])).stdout.toString()).toBe("here\n");
});

test("a coordinator that runs already without the agents' listener is told of, and stays as it is", async () => {
	verifies("build-agent:pool");
	await using machine = await Machine.create();
	expect(await machine.covey(["run", "--no-snapshot", "--", "true"])).toMatchObject({ code: 0 });
	expect(await machine.covey(["build-pool", "start"])).toMatchObject({
		code: 6,
		stderr: expect.stringContaining("covey build-pool stop, then start"),
	});
	expect(await machine.covey(["status"])).toMatchObject({ code: 0 });
});

test.skipIf(noBubblewrap)("a confined job does not see the join token that its agent was given [needs bubblewrap]", async () => {
	verifies("build-agent:joins");
	await using pool = await BuildPool.start();
	// Not in /tmp, of which a confined job has its own.
	const directory = await mkdtemp("/var/tmp/covey-token-");
	try {
		const token = join(directory, "token");
		await writeFile(join(directory, "other"), "can be read\n");
		await pool.agent("builder", "isolation = 2\n", token);
		const words = ["run", "--no-snapshot", "--on", "builder", "--", "sh", "-c", `cat ${directory}/other; cat ${token}; true`];
		expect(await pool.machine.covey(words)).toMatchObject({ code: 0, stdout: Buffer.from("can be read\n") });
		expect(await readFile(token, "utf8")).toContain("cvjt_");
	} finally {
		await rm(directory, { recursive: true });
	}
});

test("a build pool starts in the background, says how it is, drains when it is stopped, and keeps what it knows", async () => {
	verifies("build-agent:pool");
	await using pool = await BuildPool.start();
	await pool.agent("builder", "maxJobs = 2\n");
	const { code, stdout } = await pool.machine.covey(["build-pool", "start"]);
	expect({ code, stdout: stdout.toString() }).toMatchObject({ code: 0, stdout: expect.stringContaining("runs already") });

	using gate = new Gate();
	const running = await pool.machine.start(
		["run", "--no-snapshot", "--on", "builder", "--", "sh", "-c", `echo first; ${gate.wait}; echo last`],
		{
			ready: /slots free/,
		},
	);
	const status = await pool.json<Record<string, unknown>>(["build-pool", "status"]);
	expect(status).toMatchObject({
		schema: expect.any(Number),
		state: "ready",
		queue: { waiting: 0, running: 1, needsPerson: 0 },
		localFallback: { enabled: true, used: 0 },
		listeners: [
			{ purpose: "api", up: true },
			{ purpose: "workers", up: true, addresses: expect.arrayContaining([`127.0.0.1:${pool.ports.workers}`]) },
		],
		workers: expect.arrayContaining([expect.objectContaining({ name: "builder", slotsUsed: 1 })]),
	});
	expect(await pool.expect(["build-pool", "status"])).toMatch(
		/queue +0 waiting, 1 running[\s\S]*LISTENS AT[\s\S]*builder +connected +1\/2/,
	);

	const stopping = await pool.machine.start(["build-pool", "stop"], { ready: /draining: 1 still running/ });
	const late = await pool.machine.covey(["run", "--no-snapshot", "--", "true"]);
	expect(late).toMatchObject({ code: 7, stderr: expect.stringContaining("draining: it takes no new tasks") });
	gate.open();
	expect(await running.ended).toMatchObject({ code: 0, stdout: Buffer.from("first\nlast\n") });
	expect(await stopping.ended).toMatchObject({ code: 0, stderr: expect.stringContaining("nothing was running any more") });
	expect(await pool.machine.covey(["build-pool", "status"])).toMatchObject({ code: 7 });
	expect(await pool.machine.covey(["build-pool", "stop"])).toMatchObject({ code: 7 });

	await pool.expect(["build-pool", "start"]);
	const { tasks } = await pool.json<{ tasks: TaskView[] }>(["tasks", "list"]);
	expect(tasks).toHaveLength(1);
	const { id } = tasks[0]!;
	expect(await pool.expect(["logs", id])).toBe("first\nlast\n");
	expect(await pool.json(["tasks", "show", id])).toMatchObject({ task: { id, outcome: "passed", exitCode: 0 } });
});

/** @returns the status with which a WebSocket is answered; 101 if it was opened. */
function upgrade(port: number, path: string): Promise<number | undefined> {
	const headers = {
		connection: "upgrade",
		upgrade: "websocket",
		"sec-websocket-version": "13",
		"sec-websocket-key": "AAAAAAAAAAAAAAAAAAAAAA==",
	};
	return new Promise((resolve, reject) => {
		const asked = request({ host: "127.0.0.1", port, path, headers }, (response) => {
			response.resume();
			resolve(response.statusCode);
		});
		asked.on("upgrade", (response, socket) => {
			socket.destroy();
			resolve(response.statusCode);
		});
		asked.on("error", reject);
		asked.end();
	});
}
