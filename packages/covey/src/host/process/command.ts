import { accessSync, constants, statSync } from "node:fs";
import { resolve } from "node:path";

/** The command did not start. `exitCode` is what a shell would have said: 127 not found, 126 found but not runnable. */
export class StartError extends Error {
	override readonly name = "StartError";
	/** Undefined: the machine's fault and not the command's, as in `EAGAIN` or `ENOMEM`. */
	readonly exitCode: 126 | 127 | undefined;

	constructor(message: string, exitCode: 126 | 127 | undefined, cause?: unknown) {
		super(message, cause === undefined ? undefined : { cause });
		this.exitCode = exitCode;
	}
}

/**
 * Finds the program as `execvp` would, in the environment and directory that it will get, so that a typing error gets a
 * sentence instead of a bare code. Synchronous: a few stats of cached names take microseconds, a thread pool's round trip does not.
 * @throws StartError naming the program and where it was looked for.
 */
export function findCommand(program: string, cwd: string, path: string): string {
	requireDirectory(cwd);
	const candidates = program.includes("/") ? [resolve(cwd, program)] : path.split(":").map((directory) => resolve(cwd, directory, program));
	let refused: string | undefined;
	for (const candidate of candidates) {
		const kind = examine(candidate);
		if (kind === "runnable") return candidate;
		if (kind === "refused") refused ??= candidate;
	}
	if (refused !== undefined) throw new StartError(`${program}: ${refused} is not an executable file`, 126);
	throw new StartError(
		program.includes("/")
			? `${program}: no such file in ${cwd}`
			: `${program}: command not found${/\s/.test(program) ? " (a line for a shell goes as: sh -c '…')" : ""}; PATH is ${path || "empty"}`,
		127,
	);
}

function requireDirectory(cwd: string): void {
	if (!statSync(cwd, { throwIfNoEntry: false })?.isDirectory()) throw new StartError(`the directory ${cwd} does not exist`, 126);
}

function examine(path: string): "absent" | "refused" | "runnable" {
	try {
		if (!statSync(path).isFile()) return "refused";
		accessSync(path, constants.X_OK);
		return "runnable";
	} catch (error) {
		return (error as NodeJS.ErrnoException).code === "EACCES" ? "refused" : "absent";
	}
}
