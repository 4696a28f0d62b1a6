import type { OperationInput } from "@covey/protocol/operations";
import type { Outcome } from "@covey/protocol/outcome";
import { outcomes } from "@covey/protocol/outcome-table";
import { duration, list as listOf, oneOf, within } from "#cli/arguments.ts";
import { defineCommand, jsonOption } from "#cli/command.ts";
import { exitCodes } from "#cli/exit-code.ts";
import { withFleet } from "#cli/fleet.ts";
import { taskTable } from "#cli/list-view.ts";
import { questionOf } from "#cli/meant.ts";
import { dataStyle, print, printJson, say } from "#cli/terminal.ts";

interface Options {
	readonly status?: readonly string[];
	readonly worker?: string;
	readonly outcome?: string;
	readonly submitter?: string;
	readonly namespace?: string;
	readonly type?: string;
	readonly text?: string;
	readonly since?: number;
	readonly limit?: number;
	readonly cursor?: string;
	readonly json?: boolean;
}

const words = ["pending", "claimed", "in_progress", "done", "failed", "needs_human", "cancelled"] as const;
const status = oneOf(...words);
const statuses = (text: string, previous: readonly string[] = []) => [...previous, ...listOf(text).map(status)];

export const list = defineCommand<Options>({
	options: [
		{ flags: "--status <status>", about: words.join(", "), words, parse: statuses },
		{ flags: "--worker <machine>", about: "that ran on this machine" },
		{
			flags: "--outcome <outcome>",
			about: "that ended so, as in passed or timed_out",
			words: Object.keys(outcomes),
			parse: oneOf(...(Object.keys(outcomes) as Outcome[])),
		},
		{ flags: "--submitter <name>", about: "of this person or program" },
		{ flags: "--namespace <name>", about: "in this namespace" },
		{ flags: "--type <type>", about: "of this task type, as in run" },
		{ flags: "--text <words>", about: "with these words in the title" },
		{ flags: "--since <duration>", about: "submitted in the last 90m or 2d", parse: duration },
		{ flags: "--limit <number>", about: "at most so many (default 20, at most 1000)", parse: within(1, 1000) },
		{ flags: "--cursor <cursor>", about: "go on behind an earlier page" },
		jsonOption,
	],
	run: ({ options }) =>
		withFleet(async (fleet) => {
			const { status, since, limit = 20, json, ...filters } = options;
			const page = await fleet.call("task.list", {
				...filters,
				limit,
				...(status && { status: [...status] }),
				...(since !== undefined && { since: Date.now() - since }),
			} as OperationInput<"task.list">);
			if (json) printJson(page);
			else if (page.tasks.length === 0)
				say(["no tasks", options.worker && (await questionOf(fleet, { machine: options.worker }))].filter(Boolean).join("; "));
			else print(taskTable(page.tasks, Date.now(), dataStyle));
			if (!json && page.next !== undefined) say(`more: --cursor ${page.next}`);
			return exitCodes.ok;
		}),
});
