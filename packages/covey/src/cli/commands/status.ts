import { CoveyError } from "@covey/protocol/errors";
import type { FleetStatus } from "@covey/protocol/operations";
import { duration } from "#cli/arguments.ts";
import { defineCommand, jsonOption } from "#cli/command.ts";
import { exitCodes } from "#cli/exit-code.ts";
import { withFleet } from "#cli/fleet.ts";
import { dataStyle, print, printJson } from "#cli/terminal.ts";
import { formatDuration } from "#kit/duration.ts";

export const status = defineCommand<{ readonly wait?: boolean; readonly timeout?: number; readonly json?: boolean }>({
	options: [
		{ flags: "--wait", about: "return when the coordinator is ready" },
		{ flags: "--timeout <duration>", about: "of --wait (default 60s)", parse: duration },
		jsonOption,
	],
	run: async ({ options }) => {
		const now = await (options.wait ? waitUntilReady(options.timeout ?? 60_000) : readStatus());
		if (options.json) printJson(now);
		else print(describe(now));
		return exitCodes.ok;
	},
});

const readStatus = (): Promise<FleetStatus> => withFleet((fleet) => fleet.call("fleet.status", {}));

/** @throws CoveyError `timeout` with the last reason why not; at once what waiting does not mend. */
async function waitUntilReady(timeoutMs: number): Promise<FleetStatus> {
	const until = Date.now() + timeoutMs;
	let reason: string;
	do {
		try {
			const now = await readStatus();
			if (now.state === "ready") return now;
			reason = now.reason ?? `it is ${now.state}`;
		} catch (error) {
			if (!(error instanceof CoveyError) || (error.code !== "unavailable" && error.code !== "timeout")) throw error;
			reason = error.message;
		}
		await new Promise((resolve) => setTimeout(resolve, 50));
	} while (Date.now() < until);
	throw new CoveyError("timeout", `the coordinator was not ready in time: ${reason}`);
}

function describe(now: FleetStatus): string {
	const { workers, tasks, slots } = now;
	// Never less than none, however the clocks differ.
	const uptimeMs = Math.max(0, Date.now() - now.startedAt);
	const state = now.state === "ready" ? dataStyle.green(now.state) : dataStyle.yellow(`${now.state}${now.reason ? `: ${now.reason}` : ""}`);
	return [
		`${dataStyle.bold(now.coordinator)}  ${state}  Covey ${now.version}  ${now.url}  up for ${formatDuration(uptimeMs)}`,
		`workers  ${workers.connected} connected, ${workers.disconnected} disconnected, ${workers.draining} draining`,
		`slots    ${slots.used} of ${slots.total} in use`,
		`tasks    ${tasks.pending} pending, ${tasks.claimed} claimed, ${tasks.in_progress} in progress, ${tasks.needs_human} need a person`,
		`key      ${now.fingerprint}`,
	].join("\n");
}
