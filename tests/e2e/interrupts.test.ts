import { expect, test } from "vitest";
import { Fleet, recordOf } from "../kit/fleet.ts";
import { verifies } from "./verifies.ts";

test("Ctrl-C cancels the run, and its grandchildren are gone wherever they hid", async () => {
	verifies("interrupt:once");
	await using fleet = await Fleet.start({ workers: 1 });
	const { machine } = fleet.workers[0]!;
	const script =
		"setsid sleep 1031 & nohup sleep 1032 & (setsid nohup sh -c 'sleep 1033; true' >/dev/null 2>&1 &) ; trap 'echo bye; exit 0' TERM; echo ready; sleep 1034 & wait";
	const run = await fleet.client.start(["run", "--no-snapshot", "--json", "--", "sh", "-c", script]);
	await run.says(/ready/, "stdout");
	run.child.kill("SIGINT");
	const ended = await run.ended;
	expect(ended.code).toBe(130);
	expect(ended.stdout.toString(), "it had its grace").toBe("ready\nbye\n");
	expect(recordOf(ended)).toMatchObject({ outcome: "cancelled", status: "cancelled" });
	expect((await machine.processes()).filter(({ command }) => command.includes("sleep 10"))).toEqual([]);
});

test("a second Ctrl-C leaves at once and kills what ignores TERM", async () => {
	verifies("interrupt:twice");
	await using fleet = await Fleet.start({ workers: 1 });
	const { machine } = fleet.workers[0]!;
	const script = "trap '' TERM INT; echo ready; while :; do sleep 1035; done";
	const run = await fleet.client.start(["run", "--no-snapshot", "--", "sh", "-c", script]);
	await run.says(/ready/, "stdout");
	run.child.kill("SIGINT");
	await run.says(/once more kills it and leaves/);
	run.child.kill("SIGINT");
	expect(await run.ended).toMatchObject({ signal: "SIGINT" });
	await machine.empty("sleep 1035");
	const [task] = await fleet.tasks(/sleep 1035/);
	expect(await fleet.task(task!.id, ({ status }) => status === "cancelled")).toMatchObject({ outcome: "cancelled" });
});

test("a run that somebody else cancels ends for whoever watches it", async () => {
	verifies("interrupt:cancel");
	await using fleet = await Fleet.start({ workers: 1 });
	const run = await fleet.client.start(["run", "--no-snapshot", "--json", "--", "sh", "-c", "echo ready; sleep 1036"]);
	await run.says(/ready/, "stdout");
	const [task] = await fleet.tasks(/sleep 1036/);
	expect(await fleet.client.covey(["cancel", task!.id])).toMatchObject({ code: 0 });
	const ended = await run.ended;
	expect(ended.code).toBe(130);
	expect(recordOf(ended)).toMatchObject({ outcome: "cancelled" });
	const twice = await fleet.client.covey(["cancel", task!.id]);
	expect(twice).toMatchObject({ code: 0, stderr: expect.stringContaining("is cancelled already: admin cancelled it") });
});
