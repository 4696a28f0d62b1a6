import { spawn } from "node:child_process";
import { sweepOrphans } from "#worker/executor/orphans.ts";

/**
 * Ends what this process runs should it be killed itself: a shell in a session of its own waits for the end of a pipe
 * that only this process holds open, and becomes `covey __sweep`. Disposing tells it that all is well.
 */
export function startWatchdog(stateDirectory: string): Disposable {
	const sweep = [process.execPath, ...process.execArgv, process.argv[1]!, "__sweep", stateDirectory, String(process.pid)];
	const child = spawn("/bin/sh", ["-c", 'read -r _ || exec "$@"', "covey-watchdog", ...sweep], {
		detached: true,
		stdio: ["pipe", "ignore", "ignore"],
		cwd: "/",
	});
	child.unref();
	// Whoever killed it, or has no shell, has only the sweep of the next start.
	child.on("error", () => {});
	child.stdin.on("error", () => {});
	(child.stdin as typeof child.stdin & { unref(): void }).unref();
	return { [Symbol.dispose]: () => void child.stdin.end("all is well\n") };
}

/** What the watchdog of the process `owner` does after its death. A worker that was started since has records of its own. */
export async function sweepAfter(stateDirectory: string, owner: number): Promise<void> {
	await sweepOrphans(stateDirectory, owner);
}
