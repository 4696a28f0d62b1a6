import { existsSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { Fleet, recordOf } from "../kit/fleet.ts";
import { Gate } from "../kit/gate.ts";
import { Network, noNetworks } from "../kit/network.ts";
import { watchEnds } from "../kit/watch-ends.ts";
import { verifies } from "./verifies.ts";

test.skipIf(noNetworks)("a link cut for less than the lease costs nothing [needs network namespaces]", async () => {
	verifies("network:short-cut");
	using network = new Network();
	await using fleet = await Fleet.start({ leaseTtl: "12s", host: network.here });
	await fleet.join("far", { machine: await network.machine(), url: fleet.urlAt(network.here) });
	using gate = new Gate();
	const counting = `i=0; ${gate.wait.replace("sleep 0.05", "i=$((i+1)); echo $i; sleep 0.01")}; echo end`;
	const run = await fleet.client.start(["run", "--json", "--no-snapshot", "--", "sh", "-c", counting]);
	await run.says(/^20$/m, "stdout");
	network.cut();
	await fleet.worker("far", "disconnected");
	network.mend();
	await fleet.worker("far", "connected");
	const reached = Number(run.stdout.trimEnd().split("\n").at(-1));
	await run.says(new RegExp(`^${reached + 200}$`, "m"), "stdout");
	gate.open();
	const ended = await run.ended;
	expect(recordOf(ended)).toMatchObject({ outcome: "passed", attempt: 1, machine: "far" });
	const lines = ended.stdout.toString().trimEnd().split("\n");
	expect(lines.pop()).toBe("end");
	expect(lines).toEqual(lines.map((_, i) => String(i + 1)));
	expect(ended.stderr).not.toContain("missing here");
});

test.skipIf(noNetworks)("a link cut for longer than the lease: never two at once, and one report [needs network namespaces]", async () => {
	verifies("network:long-cut");
	using network = new Network();
	await using fleet = await Fleet.start({ workers: 1, leaseTtl: "2500ms", host: network.here });
	const far = await fleet.join("far", { machine: await network.machine(), url: fleet.urlAt(network.here) });
	await using ends = watchEnds(fleet.sdk);
	// Two machines, one disk: the second attempt can see whether the first one still lives.
	const mark = join(fleet.client.home, "first");
	const script = `if [ -e ${mark} ]; then kill -0 $(cat ${mark}) 2>/dev/null && echo overlap || echo alone; else echo $$ > ${mark}; echo began; trap '' TERM; while :; do sleep 0.1; done; fi`;
	const run = await fleet.client.start(["run", "--json", "--no-snapshot", "--prefer", "far", "--", "sh", "-c", script]);
	await run.says(/began/, "stdout");
	expect(existsSync(mark)).toBe(true);
	network.cut();
	const ended = await run.ended;
	expect(ended.stdout.toString()).toBe("began\nalone\n");
	const record = recordOf(ended);
	expect(record).toMatchObject({ outcome: "passed", attempt: 2, machine: "worker-1" });
	await far.machine.empty("began");
	network.mend();
	await fleet.worker("far", "connected");
	expect(await ends.of(record.task)).toEqual(["done"]);
	const task = await fleet.task(record.task);
	expect(task.attempts.map(({ worker, report }) => [worker, report?.outcome])).toEqual([
		["far", "worker_lost"],
		["worker-1", "passed"],
	]);
});
