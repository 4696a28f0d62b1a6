import { CoveyError } from "@covey/protocol/errors";
import { defineCommand, jsonOption } from "#cli/command.ts";
import { exitCodes } from "#cli/exit-code.ts";
import { connectTo } from "#cli/fleet.ts";
import { dataStyle, print, printJson } from "#cli/terminal.ts";
import { describePool } from "./describe.ts";
import { readPool } from "./pool.ts";

export const start = defineCommand<{ readonly json?: boolean }>({
	options: [jsonOption],
	notes: "It goes on in the background, for good: covey build-pool stop ends it. Where systemd is, its unit is the better way.",
	run: async ({ options }) => {
		const { startBuildPool } = await import("#compose/build-pool.ts");
		const { started, ...coordinator } = await startBuildPool();
		const { url, pid } = coordinator;
		await using fleet = await connectTo(coordinator, { reconnect: false });
		const pool = await readPool(fleet);
		if (!pool.listeners.some(({ purpose }) => purpose === "workers"))
			throw new CoveyError("conflict", `a coordinator runs here already, at ${url} (process ${pid}), without the build pool's listeners`, {
				hint: "covey build-pool stop, then start; or set build_pool.enabled in its configuration and start it again",
			});
		if (options.json) printJson({ started, pid, ...pool });
		else print(`${started ? "started" : "runs already"}, process ${pid}\n${describePool(pool, Date.now(), dataStyle)}`);
		return exitCodes.ok;
	},
});
