import type { Fleet } from "@covey/client";
import type { TaskView } from "@covey/protocol/task";
import { defineCommand } from "#cli/command.ts";
import { exitCodes } from "#cli/exit-code.ts";
import { withFleet } from "#cli/fleet.ts";
import { plain } from "#cli/table.ts";
import { print } from "#cli/terminal.ts";

/** A person who pressed Tab waits no longer than this. */
const answerMs = 500;

/** A page of what may be meant: the newest. */
const tasksMax = 50;

/** What completion scripts call: a name a line, behind a tab what it is; or nothing, but never an error and never a new coordinator. */
export const complete = defineCommand({
	arguments: [["<what>", "tasks or workers"]],
	run: async ({ arguments: [what = ""] }) => {
		const find = finders[what];
		const names = find === undefined ? [] : await withFleet(find, { signal: AbortSignal.timeout(answerMs) }).catch(() => []);
		if (names.length > 0) print(names.join("\n"));
		return exitCodes.ok;
	},
});

const finders: Readonly<Record<string, (fleet: Fleet) => Promise<readonly string[]>>> = {
	workers: async (fleet) => (await fleet.call("worker.list", {})).workers.map(({ name }) => name),
	tasks: async (fleet) =>
		(await fleet.call("task.list", { limit: tasksMax })).tasks.map((task) => `${task.id}\t${stateOf(task)} ${plain(task.title)}`),
};

const stateOf = ({ status, outcome }: TaskView): string => outcome ?? status;
