import { expect, test } from "vitest";
import { Fleet, recordOf } from "../kit/fleet.ts";
import { Gate } from "../kit/gate.ts";
import { watchEnds } from "../kit/watch-ends.ts";
import { verifies } from "./verifies.ts";

test("a killed worker's run is tried again elsewhere, reported once, and leaves no process", async () => {
	verifies("crash:worker", "crash:worker-orphans");
	await using fleet = await Fleet.start({ workers: 2, leaseTtl: "2500ms" });
	using gate = new Gate();
	await using ends = watchEnds(fleet.sdk);
	const script = `setsid sleep 1020 & echo "began $COVEY_ATTEMPT on $COVEY_WORKER"; ${gate.wait}; kill $!; echo "ended $COVEY_ATTEMPT on $COVEY_WORKER"`;
	const run = await fleet.client.start(["run", "--json", "--no-snapshot", "--prefer", "worker-1", "--", "sh", "-c", script]);
	await run.says(/began \S+\.1 on worker-1/, "stdout");
	const victim = fleet.workers[0]!;
	victim.daemon.child.kill("SIGKILL");
	await victim.daemon.ended;
	await victim.machine.empty();

	await run.says(/began \S+\.2 on worker-2/, "stdout");
	gate.open();
	const ended = await run.ended;
	const record = recordOf(ended);
	expect(record).toMatchObject({ outcome: "passed", attempt: 2, machine: "worker-2" });
	expect(ended.stdout.toString().split("\n")).toEqual([
		`began ${record.task}.1 on worker-1`,
		`began ${record.task}.2 on worker-2`,
		`ended ${record.task}.2 on worker-2`,
		"",
	]);
	expect(ended.stderr).toContain("(attempt 2)");
	const task = await fleet.task(record.task);
	expect(task.attempts.map(({ worker, report }) => [worker, report?.outcome])).toEqual([
		["worker-1", "worker_lost"],
		["worker-2", "passed"],
	]);
	expect(await ends.of(record.task)).toEqual(["done"]);
});

test("a worker that is back after a crash gives the run back at once and takes new work", async () => {
	verifies("crash:worker");
	await using fleet = await Fleet.start({ workers: 1 });
	const worker = fleet.workers[0]!;
	const script = 'echo "began $COVEY_ATTEMPT"; case $COVEY_ATTEMPT in *.1) sleep 1021 ;; esac';
	const run = await fleet.client.start(["run", "--json", "--no-snapshot", "--", "sh", "-c", script]);
	await run.says(/began \S+\.1/, "stdout");
	worker.daemon.child.kill("SIGKILL");
	await worker.daemon.ended;
	// The usual lease is 90 s: nobody waits for it when the worker itself says what it runs.
	worker.daemon = await worker.machine.start(["worker", "start"], { ready: /connected/ });
	expect((await fleet.worker(worker.name, "connected")).offer?.slots, "as it joined").toBe(2);
	const ended = await run.ended;
	expect(recordOf(ended)).toMatchObject({ outcome: "passed", attempt: 2, machine: "worker-1" });
	await worker.machine.empty("sleep 1021");
});
