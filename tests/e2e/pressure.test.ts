import { expect, test } from "vitest";
import { Fleet } from "../kit/fleet.ts";
import { Gate } from "../kit/gate.ts";
import { KernelAverages } from "../kit/kernel-averages.ts";
import { noSmallDisks } from "../kit/small-disk.ts";
import { verifies } from "./verifies.ts";

test.skipIf(noSmallDisks)(
	"a tenth job does not start while the nine wait for their disk, and does when they no longer do [needs mounts]",
	async () => {
		verifies("build-agent:pressure");
		using averages = new KernelAverages();
		await using fleet = await Fleet.start({ leaseTtl: "20s" });
		const { machine } = await fleet.join("box", { slots: 10, machine: await averages.machine() });
		using gate = new Gate();
		const start = async (job: string): Promise<string> =>
			(await fleet.run(["--no-snapshot", "--detach", "--fallback", "never", "--", "sh", "-c", job])).stdout.toString().trim();
		const nine = await Promise.all(Array.from({ length: 9 }, () => start(gate.wait)));
		for (const id of nine) await fleet.task(id, ({ status }) => status === "in_progress");
		const pressure = (io: number) =>
			expect.poll(async () => (await fleet.worker("box", "connected")).pressure?.io, { timeout: 20_000 }).toBeCloseTo(io);

		// As observed on a real machine: cores idle, everything waiting for the disk.
		averages.tell({ io: 66 });
		await pressure(0.66);
		const tenth = await start("echo tenth");
		const why = async () => (await fleet.client.covey(["why", tenth])).stdout.toString();
		expect(await why()).toContain("under pressure (io 66 %)");
		// Less, but not well yet: between the two thresholds it stays as it was.
		averages.tell({ io: 30 });
		await pressure(0.3);
		expect(await why()).toContain("under pressure (io 30 %)");
		expect(await fleet.sdk.call("task.get", { task: tenth })).toMatchObject({ status: "pending" });

		averages.tell({ io: 5 });
		await fleet.task(tenth, ({ status }) => status === "done");
		// The nine have run on all the while, and are as many as before.
		for (const id of nine) expect(await fleet.sdk.call("task.get", { task: id }), id).toMatchObject({ status: "in_progress" });

		// The same with more processes that want to run than the cores can serve.
		averages.tell({ load: 10_000 });
		await expect.poll(async () => (await fleet.worker("box", "connected")).pressure?.admits, { timeout: 20_000 }).toBe(false);
		const eleventh = await start("true");
		expect((await fleet.client.covey(["why", eleventh])).stdout.toString()).toContain("under pressure");
		averages.tell({});
		await fleet.task(eleventh, ({ status }) => status === "done");
		gate.open();
		for (const id of nine) await fleet.task(id, ({ status }) => status === "done");
		await machine.empty("while");
	},
);
