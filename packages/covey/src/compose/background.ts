import { spawn } from "node:child_process";
import { closeSync, mkdirSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { CoveyError } from "@covey/protocol/errors";
import { paths } from "./paths.ts";

/** A coordinator that a command started for itself ends after so long without work or visitors. */
export const backgroundIdle = "15m";

/**
 * Starts `covey up` as a process of its own session, which outlives this command and its terminal, and resolves when
 * it is ready. Two at once are harmless: the second finds the lock taken and the first is used.
 */
export async function startInBackground(signal: AbortSignal | undefined): Promise<void> {
	const { coordinator } = paths();
	mkdirSync(coordinator, { recursive: true, mode: 0o700 });
	const logFile = join(coordinator, "background.log");
	const log = openSync(logFile, "w", 0o600);
	const child = spawn(
		process.execPath,
		[...process.execArgv, process.argv[1]!, "up", "--port", "0", "--idle-exit", backgroundIdle, "--ready-fd", "3"],
		{
			detached: true,
			stdio: ["ignore", "ignore", log, "pipe"],
			cwd: "/",
			...(signal && { signal }),
		},
	);
	closeSync(log);
	child.unref();
	const pipe = child.stdio[3] as NodeJS.ReadableStream & { unref?: () => void; destroy: () => void };
	try {
		await new Promise<void>((resolve, reject) => {
			pipe.once("data", () => resolve());
			child.once("error", reject);
			child.once("exit", (code) => {
				// 6: another one was faster.
				if (code === 6) resolve();
				else
					reject(
						new CoveyError(
							"unavailable",
							`a coordinator could not be started here (exit ${code}):\n${readFileSync(logFile, "utf8").trim()}`,
							{ hint: "covey doctor" },
						),
					);
			});
		});
	} finally {
		pipe.destroy();
		child.removeAllListeners();
	}
}
