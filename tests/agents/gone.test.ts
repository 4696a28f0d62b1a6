import { isEnded } from "@covey/protocol";
import { expect, test } from "vitest";
import { Fleet } from "../kit/fleet.ts";
import { callsOnce } from "../kit/model-server.ts";
import { Repository } from "../kit/repository.ts";
import { needs, wanted } from "./brought.ts";
import { agentClis } from "./cli.ts";
import { Desktop } from "./desktop.ts";

const never = "setsid sleep 1041 & sleep 1041";

/** How a session ends: a signal to the CLI alone, or to all that a terminal has in its foreground. */
const endings = [
	{ end: "SIGINT", signal: "SIGINT", foreground: false },
	{ end: "Ctrl-C", signal: "SIGINT", foreground: true },
	{ end: "SIGTERM", signal: "SIGTERM", foreground: false },
	{ end: "a closed terminal", signal: "SIGHUP", foreground: true },
	{ end: "SIGKILL", signal: "SIGKILL", foreground: false },
] as const;

/** The job that runs `never`, when it runs. */
async function begun(fleet: Fleet): Promise<string> {
	await expect.poll(async () => (await fleet.tasks(/sleep 1041/)).at(0)?.status, { timeout: 40_000 }).toBe("in_progress");
	return (await fleet.tasks(/sleep 1041/))[0]!.id;
}

async function nothingIsLeft(fleet: Fleet, desktop: Desktop, id: string): Promise<void> {
	expect(await fleet.task(id, ({ status }) => isEnded(status))).toMatchObject({ outcome: "cancelled" });
	await desktop.machine.empty();
	await fleet.workers[0]!.machine.empty("sleep 1041");
}

for (const cli of agentClis) {
	test.skipIf(!wanted(cli.name)).each(endings)(
		`$end in the middle of a call of ${cli.name} leaves nothing behind ${needs}`,
		{ timeout: 120_000 },
		async ({ signal, foreground }) => {
			await using fleet = await Fleet.start({ workers: 1 });
			using repository = new Repository();
			await using desktop = await Desktop.create(cli, fleet, callsOnce("run_command", { command: never }));
			const session = desktop.begin(repository.directory);
			const id = await begun(fleet);
			process.kill(foreground ? -session.pid : session.pid, signal);
			await session.ended;
			await nothingIsLeft(fleet, desktop, id);
		},
	);

	test.skipIf(!wanted(cli.name))(
		`SIGKILL in the middle of a call of ${cli.name} over HTTP leaves nothing behind ${needs}`,
		{ timeout: 120_000 },
		async () => {
			await using fleet = await Fleet.start({ workers: 1 });
			using repository = new Repository();
			const script = callsOnce("run_command", { command: never });
			await using desktop = await Desktop.createRemote(cli, fleet, script, repository.directory);
			const session = desktop.begin(repository.directory);
			const id = await begun(fleet);
			await session.stop("SIGKILL");
			await nothingIsLeft(fleet, desktop, id);
		},
	);

	test.skipIf(!wanted(cli.name))(`${cli.name} that is done ends what it left in progress ${needs}`, { timeout: 120_000 }, async () => {
		await using fleet = await Fleet.start({ workers: 1 });
		using repository = new Repository();
		await using desktop = await Desktop.create(cli, fleet, callsOnce("run_command", { command: never, wait_secs: 1 }));
		expect(await desktop.begin(repository.directory).ended).toMatchObject({ code: 0 });
		expect(desktop.model.results).toEqual([expect.stringMatching(/IN PROGRESS run_command: .*job_wait/s)]);
		const [task] = await fleet.tasks(/sleep 1041/);
		await nothingIsLeft(fleet, desktop, task!.id);
	});
}
