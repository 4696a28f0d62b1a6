import { getPriority, setPriority } from "node:os";
import { findCommand } from "./command.ts";

/** The system's own directories: what runs before a sandbox begins is never looked for where a job says. */
const systemPath = "/usr/bin:/bin:/run/current-system/sw/bin";

/**
 * The command, wrapped so that the process lowers its priority *before* it becomes the command: whatever it starts is
 * then born with it. The process keeps its id.
 * @returns undefined where there is no `nice`.
 */
export function withPriority(command: readonly string[], nice: number): readonly string[] | undefined {
	try {
		return [findCommand("nice", "/", systemPath), "-n", String(Math.max(0, nice - getPriority())), "--", ...command];
	} catch {
		return undefined;
	}
}

/** For what runs already. What it has started by now keeps its own. */
export function lowerPriority(pid: number, nice: number): void {
	try {
		setPriority(pid, nice);
	} catch {
		// It is already over.
	}
}
