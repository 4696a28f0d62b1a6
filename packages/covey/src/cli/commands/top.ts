import { setTimeout as pause } from "node:timers/promises";
import { defineCommand } from "#cli/command.ts";
import { exitCodes } from "#cli/exit-code.ts";
import { openFleet } from "#cli/fleet.ts";
import { print, printJson } from "#cli/terminal.ts";
import { changedLines } from "#cli/tui/top/plain.ts";
import type { View } from "#cli/tui/top/view.ts";
import { readView } from "#cli/tui/top/watch.ts";
import { keepOpen } from "#compose/keep-open.ts";

interface Flags {
	readonly once?: boolean;
	readonly json?: boolean;
}

/** Between two looks where lines are written, in milliseconds. */
const everyMs = 1000;

export const top = defineCommand<Flags>({
	options: [
		{ flags: "--once", about: "one look, as lines" },
		{ flags: "--json", about: "one look, as a JSON document on stdout" },
	],
	notes: "On a terminal a screen; elsewhere a line for each change, until it is ended.",
	run: async ({ options: { once, json } }) => {
		// A link that drops is closed, and the next look opens another: talk of links would run across the screen.
		const fleet = keepOpen((watch) => openFleet({ reconnect: false, ...watch }));
		try {
			// Whoever has no coordinator hears so before there is a screen.
			const first = await readView(await fleet.open());
			if (json) printJson(documentOf(first));
			else if (once || !isScreen()) await printLines(first, once ? undefined : async () => readView(await fleet.open()));
			else await (await import("#cli/tui/top/screen.ts")).showTop(fleet.open);
			return exitCodes.ok;
		} finally {
			await fleet.close();
		}
	},
});

const isScreen = (): boolean => process.stdin.isTTY === true && process.stdout.isTTY === true && process.env.TERM !== "dumb";

function documentOf({ lastLines, ...view }: View): object {
	return { ...view, lastLines: Object.fromEntries(lastLines) };
}

/** @param look absent: the first look is all. */
async function printLines(first: View, look: (() => Promise<View>) | undefined): Promise<void> {
	let before: View | undefined;
	for (let view = first; ; view = await look()) {
		for (const line of changedLines(before, view)) print(line);
		if (look === undefined) return;
		before = view;
		await pause(everyMs);
	}
}
