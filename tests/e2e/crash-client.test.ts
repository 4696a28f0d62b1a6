import { expect, test } from "vitest";
import { Fleet } from "../kit/fleet.ts";
import { Gate } from "../kit/gate.ts";
import { verifies } from "./verifies.ts";

const endings = [
	["a killed client", "SIGKILL"],
	["a closed terminal", "SIGHUP"],
] as const;

test.each(endings)("%s ends nothing, and attach finds the run with all of its output", async (_, signal) => {
	verifies("crash:client", "interrupt:hangup");
	await using fleet = await Fleet.start({ workers: 1 });
	using gate = new Gate();
	const script = `echo before; ${gate.wait}; echo after; exit 3`;
	const run = await fleet.client.start(["run", "--no-snapshot", "--", "sh", "-c", script]);
	await run.says(/before/, "stdout");
	run.child.kill(signal);
	expect(await run.ended).toMatchObject({ code: null, signal });
	const [task] = await fleet.tasks(/echo after/);
	expect(task).toMatchObject({ status: "in_progress", cancelRequested: false });
	const attached = await fleet.client.start(["attach", task!.id]);
	await attached.says(/before/, "stdout");
	gate.open();
	expect(await attached.ended).toMatchObject({ code: 3, stdout: Buffer.from("before\nafter\n") });
	expect(await fleet.task(task!.id)).toMatchObject({ attempt: 1, outcome: "failed" });
});
