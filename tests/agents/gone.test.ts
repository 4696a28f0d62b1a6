import { isEnded } from "@covey/protocol";
import { expect, test } from "vitest";
import { Fleet } from "../kit/fleet.ts";
import { callsOnce } from "../kit/model-server.ts";
import { Repository } from "../kit/repository.ts";
import { needs, wanted } from "./brought.ts";
import { agentClis } from "./cli.ts";
import { Desktop } from "./desktop.ts";

const never = "setsid sleep 1041 & sleep 1041";
const signals = ["SIGINT", "SIGTERM", "SIGKILL"] as const;

for (const cli of agentClis) {
	test.skipIf(!wanted(cli.name)).each(signals)(
		`${cli.name} that %s ends in the middle of a call leaves nothing behind ${needs}`,
		{ timeout: 120_000 },
		async (signal) => {
			await using fleet = await Fleet.start({ workers: 1 });
			using repository = new Repository();
			await using desktop = await Desktop.create(cli, fleet, callsOnce("run_command", { command: never }));
			const session = desktop.begin(repository.directory);
			await expect.poll(async () => (await fleet.tasks(/sleep 1041/)).at(0)?.status, { timeout: 40_000 }).toBe("in_progress");
			const [{ id } = { id: "" }] = await fleet.tasks(/sleep 1041/);

			session.child.kill(signal);
			await session.ended;

			expect(await fleet.task(id, ({ status }) => isEnded(status))).toMatchObject({ outcome: "cancelled" });
			await desktop.machine.empty();
			await fleet.workers[0]!.machine.empty("sleep 1041");
		},
	);

	test.skipIf(!wanted(cli.name))(`${cli.name} that is done ends what it had left in progress ${needs}`, { timeout: 120_000 }, async () => {
		await using fleet = await Fleet.start({ workers: 1 });
		using repository = new Repository();
		await using desktop = await Desktop.create(cli, fleet, callsOnce("run_command", { command: never, wait_secs: 1 }));

		expect(await desktop.begin(repository.directory).ended).toMatchObject({ code: 0 });

		expect(desktop.model.results).toEqual([expect.stringMatching(/IN PROGRESS run_command: .*job_wait/s)]);
		const [{ id } = { id: "" }] = await fleet.tasks(/sleep 1041/);
		expect(await fleet.task(id, ({ status }) => isEnded(status))).toMatchObject({ outcome: "cancelled" });
		await desktop.machine.empty();
		await fleet.workers[0]!.machine.empty("sleep 1041");
	});
}
