import { connect } from "@covey/client";
import { duration, integer, list, within } from "#cli/arguments.ts";
import { defineCommand } from "#cli/command.ts";
import { dial } from "#cli/dial.ts";
import { exitCodes } from "#cli/exit-code.ts";
import { leanFetch } from "#cli/lean-fetch.ts";

interface Options {
	readonly port?: number;
	readonly host?: readonly string[];
	readonly slots?: number;
	readonly buildPool?: boolean;
	readonly drainTimeout?: number;
	readonly idleExit?: number;
	readonly readyFd?: number;
}

export const up = defineCommand<Options>({
	options: [
		{ flags: "--port <number>", about: "where to listen (default 8000); 0 picks one", parse: within(0, 65_535) },
		{ flags: "--host <address>", about: "listen here too; may be repeated", parse: list },
		{ flags: "--slots <number>", about: "tasks at once of the embedded worker; 0: none", parse: integer },
		{ flags: "--build-pool", about: "listen for build agents too, as [build_pool] of the configuration says" },
		{ flags: "--drain-timeout <duration>", about: "end after so long, even if jobs run here (default: wait for them)", parse: duration },
		{ flags: "--idle-exit <duration>", about: "end after so long without work or visitors", parse: duration },
		{ flags: "--ready-fd <number>", about: "write a line to this file descriptor when ready", parse: integer },
	],
	notes: "Says on stderr when it is ready. The first SIGTERM or Ctrl-C drains, the second stops, the third kills.",
	run: async ({ options }) => {
		const { runCoordinator } = await import("#compose/up.ts");
		await runCoordinator({ ...options, connect: (url, token) => connect({ url, token, webSocket: dial, fetch: leanFetch }) });
		return exitCodes.ok;
	},
});
