import { duration } from "#cli/arguments.ts";
import { defineCommand, jsonOption } from "#cli/command.ts";
import { exitCodes } from "#cli/exit-code.ts";
import { connectTo } from "#cli/fleet.ts";
import { printJson, say } from "#cli/terminal.ts";
import { formatDuration } from "#kit/duration.ts";
import { readPool } from "./pool.ts";

interface Options {
	readonly within?: number;
	readonly json?: boolean;
}

export const stop = defineCommand<Options>({
	options: [{ flags: "--within <duration>", about: "how long what runs may go on (default 10m)", parse: duration }, jsonOption],
	notes:
		"No new task is taken, what runs may end, and then the coordinator ends. What still waits, and what agents still run then, is kept: they come back to it when it is started again.",
	run: async ({ options }) => {
		const { within = 600_000 } = options;
		const { endCoordinator, localCoordinator } = await import("#compose/build-pool.ts");
		const until = Date.now() + within;
		const coordinator = localCoordinator();
		const left = await drain(coordinator, until);
		await endCoordinator(coordinator, until);
		if (options.json) printJson({ stopped: coordinator.pid, left });
		else if (left === 0) say("the build pool has stopped; nothing was running any more");
		else say(`the build pool has stopped after ${formatDuration(within)} with ${left} still running: agents go on with theirs`);
		return exitCodes.ok;
	},
});

/**
 * Waits until nothing runs any more. That its own coordinator answers here is also how it is known that the process which
 * is to be ended is that coordinator. @returns how many ran still when the time was over.
 */
async function drain(coordinator: Parameters<typeof connectTo>[0], until: number): Promise<number> {
	await using fleet = await connectTo(coordinator, { reconnect: false });
	await fleet.call("fleet.drain", {});
	for (let said = false; ; said = true) {
		const { running } = (await readPool(fleet)).queue;
		if (running === 0 || Date.now() >= until) return running;
		if (!said) say(`draining: ${running} still running`);
		await new Promise((resolve) => setTimeout(resolve, 100));
	}
}
