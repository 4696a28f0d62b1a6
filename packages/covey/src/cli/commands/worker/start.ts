import { defineCommand } from "#cli/command.ts";
import { exitCodes } from "#cli/exit-code.ts";
import { type WorkerFlags, workerOptions } from "#cli/worker-options.ts";

export const start = defineCommand<WorkerFlags>({
	options: workerOptions,
	notes: "This machine has joined a fleet before: see covey join.",
	run: async ({ options: { slots, tag } }) => {
		const { startWorker } = await import("#compose/worker.ts");
		await startWorker({ ...(slots !== undefined && { slots }), ...(tag && { tags: tag }) });
		return exitCodes.ok;
	},
});
