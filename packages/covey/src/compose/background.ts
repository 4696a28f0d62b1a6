import { spawn } from "node:child_process";
import { closeSync, mkdirSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { CoveyError } from "@covey/protocol/errors";
import { systemClock } from "#kit/clock.ts";
import { backgroundIdle, readLocalCoordinator } from "./client.ts";
import { paths } from "./paths.ts";

/** A coordinator that a command needs for itself. */
const forOneself: readonly string[] = ["--port", "0", "--idle-exit", backgroundIdle];

/**
 * Starts `covey up` as a process of its own session, which outlives this command and its terminal, and resolves when
 * it is ready. Two at once are harmless: the second finds the lock taken and the first is used.
 */
export async function startInBackground(signal: AbortSignal | undefined, words: readonly string[] = forOneself): Promise<void> {
	const { coordinator } = paths();
	mkdirSync(coordinator, { recursive: true, mode: 0o700 });
	const logFile = join(coordinator, "background.log");
	const log = openSync(logFile, "w", 0o600);
	const child = spawn(process.execPath, [...process.execArgv, process.argv[1]!, "up", ...words, "--ready-fd", "3"], {
		detached: true,
		stdio: ["ignore", "ignore", log, "pipe"],
		cwd: "/",
	});
	closeSync(log);
	// Given up while it starts: it goes too. Once it is ready it is everybody's.
	const giveUp = (): void => void child.kill("SIGTERM");
	signal?.addEventListener("abort", giveUp, { once: true });
	const pipe = child.stdio[3] as NodeJS.ReadableStream & { unref?: () => void; destroy: () => void };
	try {
		await new Promise<void>((resolve, reject) => {
			pipe.once("data", () => resolve());
			child.once("error", reject);
			child.once("exit", (code) => {
				// 6: another one was faster, and is ready soon.
				if (code === 6) waitForOther(signal).then(resolve, reject);
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
		signal?.removeEventListener("abort", giveUp);
		pipe.destroy();
		child.removeAllListeners();
		child.unref();
	}
}

async function waitForOther(signal: AbortSignal | undefined): Promise<void> {
	for (let tries = 0; tries < 200 && !readLocalCoordinator(); tries++) await systemClock.sleep(50, signal ?? new AbortController().signal);
}
