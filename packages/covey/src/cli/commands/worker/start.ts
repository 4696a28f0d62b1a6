import { CoveyError } from "@covey/protocol/errors";
import { defineCommand } from "#cli/command.ts";
import { exitCodes } from "#cli/exit-code.ts";
import { type WorkerFlags, workerOptions } from "#cli/worker-options.ts";

interface Options extends WorkerFlags {
	readonly config?: string;
}

export const start = defineCommand<Options>({
	options: [{ flags: "--config <file>", about: "of a machine that only builds: all that it is stands there" }, ...workerOptions],
	notes: "This machine has joined a fleet before: see covey join. With --config it joins by itself: see docs/build-agent.md.",
	run: async ({ options: { config, slots, tag } }) => {
		if (config !== undefined) {
			if (slots !== undefined || tag !== undefined)
				throw new CoveyError("bad_request", "--config names a file that says the slots and tags too: maxJobs and tags");
			const { runBuildAgent } = await import("#compose/build-agent.ts");
			await runBuildAgent(config);
			return exitCodes.ok;
		}
		const { startWorker } = await import("#compose/worker.ts");
		await startWorker({ ...(slots !== undefined && { slots }), ...(tag && { tags: tag }) });
		return exitCodes.ok;
	},
});
