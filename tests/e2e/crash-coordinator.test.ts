import { expect, test } from "vitest";
import { Fleet, recordOf } from "../kit/fleet.ts";
import { Gate } from "../kit/gate.ts";
import { Repository } from "../kit/repository.ts";
import { verifies } from "./verifies.ts";

async function crash(fleet: Fleet): Promise<void> {
	fleet.daemon.child.kill("SIGKILL");
	await fleet.daemon.ended;
}

/** Counts until the gate opens, so that a byte that is lost or told twice is seen. */
const counting = (gate: Gate): string => `i=0; ${gate.wait.replace("sleep 0.05", "i=$((i+1)); echo $i; sleep 0.005")}; echo end`;

function expectCounted(stdout: Buffer): void {
	const lines = stdout.toString().trimEnd().split("\n");
	expect(lines.pop()).toBe("end");
	expect(lines.length).toBeGreaterThan(20);
	expect(lines).toEqual(lines.map((_, i) => String(i + 1)));
}

test("worker and client come back to a killed coordinator, and no byte is lost or told twice", async () => {
	verifies("crash:coordinator");
	await using fleet = await Fleet.start({ workers: 1 });
	using gate = new Gate();
	using repository = new Repository();
	const run = await fleet.client.start(["run", "--json", "--", "sh", "-c", counting(gate)], { cwd: repository.directory });
	await run.says(/^30$/m, "stdout");
	for (const reached of [60, 90]) {
		await crash(fleet);
		await run.says(/link to the coordinator dropped/);
		await fleet.restart();
		await run.says(new RegExp(`^${reached}$`, "m"), "stdout");
	}
	await run.says(/link to the coordinator is back/);
	gate.open();
	const ended = await run.ended;
	expectCounted(ended.stdout);
	const record = recordOf(ended);
	expect(record, "the same attempt went on").toMatchObject({ outcome: "passed", attempt: 1, tree: repository.tree() });
	expect(ended.stderr.match(/^covey: passed/gm)).toHaveLength(1);
	expect((await fleet.task(record.task)).attempts).toHaveLength(1);
	const logs = await fleet.client.covey(["logs", record.task]);
	expectCounted(logs.stdout);
});

test("a run that ends while the coordinator is dead is reported when it is back", async () => {
	verifies("crash:coordinator-report");
	await using fleet = await Fleet.start({ workers: 1 });
	using gate = new Gate();
	const script = `echo before; ${gate.wait}; echo after; exit 6`;
	const run = await fleet.client.start(["run", "--json", "--no-snapshot", "--", "sh", "-c", script]);
	await run.says(/before/, "stdout");
	await crash(fleet);
	gate.open();
	await fleet.workers[0]!.machine.empty("echo after");
	await fleet.restart();
	const ended = await run.ended;
	expect(ended).toMatchObject({ code: 6, stdout: Buffer.from("before\nafter\n") });
	expect(recordOf(ended)).toMatchObject({ outcome: "failed", exitCode: 6, attempt: 1 });
});

test("every acknowledged task survives, in its order", async () => {
	verifies("crash:coordinator-queue");
	await using fleet = await Fleet.start({ workers: 1, slots: 1 });
	using gate = new Gate();
	const running = await fleet.sdk.submit({ payload: { command: ["sh", "-c", gate.wait] } });
	await fleet.task(running.task, ({ status }) => status === "in_progress");
	const queued = await Promise.all(
		Array.from({ length: 50 }, async (_, i) => (await fleet.sdk.submit({ payload: { command: ["echo", `queued-${i}`] } })).task),
	);
	await crash(fleet);
	await fleet.restart();
	expect((await fleet.tasks(/queued-/)).map(({ id, status }) => [id, status])).toEqual(queued.map((id) => [id, "pending"]));
	gate.open();
	for (const id of [running.task, ...queued])
		expect(await fleet.task(id, ({ status }) => status === "done")).toMatchObject({ attempt: 1, outcome: "passed" });
	const ended = (await fleet.tasks(/queued-/)).map(({ attempts }) => attempts[0]!.endedAt!);
	expect(ended).toEqual(ended.toSorted((a, b) => a - b));
});
