import { spawn } from "node:child_process";
import type { Logger } from "#kit/logger.ts";

/** The service manager that has started this process, if one has. */
export interface Supervisor extends Disposable {
	/** It does what it is there for; in a sentence. May be said again. */
	ready(status: string): void;
	/** It was told to end, and does. */
	stopping(): void;
}

/**
 * Tells systemd how this process is: `sd_notify(3)`, by `systemd-notify`, since Node cannot send to a datagram socket of
 * the file system. So a unit needs `NotifyAccess=all`. While the event loop turns, the watchdog is fed at half its time.
 */
export function meetSupervisor(logger: Logger, environment: NodeJS.ProcessEnv = process.env): Supervisor {
	const { NOTIFY_SOCKET: socket, WATCHDOG_USEC: watchdogMicroseconds, PATH: path } = environment;
	if (!socket) return { ready: () => {}, stopping: () => {}, [Symbol.dispose]: () => {} };

	const notify = (...words: readonly string[]): void => {
		const child = spawn("systemd-notify", [`--pid=${process.pid}`, ...words], {
			stdio: "ignore",
			env: { NOTIFY_SOCKET: socket, ...(path !== undefined && { PATH: path }) },
		});
		child.unref();
		child.once("error", (error) => logger.warn("systemd cannot be told how this process is", { error }));
	};
	const everyMs = Number(watchdogMicroseconds) / 2000;
	const feeding = everyMs > 0 ? setInterval(() => notify("WATCHDOG=1"), everyMs).unref() : undefined;
	return {
		ready: (status) => notify("--ready", `--status=${status}`),
		stopping: () => notify("STOPPING=1"),
		[Symbol.dispose]: () => clearInterval(feeding),
	};
}
