import { setTimeout as pause } from "node:timers/promises";
import { defineCommand } from "#cli/command.ts";
import { exitCodes } from "#cli/exit-code.ts";
import { withFleet } from "#cli/fleet.ts";
import { print } from "#cli/terminal.ts";
import { changedLines } from "#cli/tui/top/plain.ts";
import { readView } from "#cli/tui/top/watch.ts";

/** Between two looks where lines are written, in milliseconds. */
const everyMs = 1000;

export const top = defineCommand<{ readonly once?: boolean }>({
	options: [{ flags: "--once", about: "one look, as lines" }],
	notes: "On a terminal a screen; elsewhere a line for each change, until it is ended.",
	run: ({ options: { once } }) =>
		withFleet(async (fleet) => {
			if (!once && process.stdin.isTTY && process.stdout.isTTY && process.env.TERM !== "dumb") {
				const { showTop } = await import("#cli/tui/top/screen.ts");
				await showTop(fleet);
				return exitCodes.ok;
			}
			for (let before = await readView(fleet), first = true; ; first = false) {
				const now = first ? before : await readView(fleet);
				for (const line of changedLines(first ? undefined : before, now)) print(line);
				if (once) return exitCodes.ok;
				before = now;
				await pause(everyMs);
			}
		}),
});
