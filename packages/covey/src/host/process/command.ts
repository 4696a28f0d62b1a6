import { constants } from "node:fs";
import { access, stat } from "node:fs/promises";
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
 * sentence instead of a bare code.
 * @throws StartError naming the program and where it was looked for.
 */
export async function findCommand(program: string, cwd: string, path: string): Promise<string> {
	await requireDirectory(cwd);
	const candidates = program.includes("/") ? [resolve(cwd, program)] : path.split(":").map((directory) => resolve(cwd, directory, program));
	let refused: string | undefined;
	for (const candidate of candidates) {
		const kind = await examine(candidate);
		if (kind === "runnable") return candidate;
		if (kind === "refused") refused ??= candidate;
	}
	if (refused !== undefined) throw new StartError(`${program}: ${refused} is not an executable file`, 126);
	throw new StartError(
		program.includes("/") ? `${program}: no such file in ${cwd}` : `${program}: command not found; PATH is ${path || "empty"}`,
		127,
	);
}

async function requireDirectory(cwd: string): Promise<void> {
	const found = await stat(cwd).catch(() => undefined);
	if (!found?.isDirectory()) throw new StartError(`the directory ${cwd} does not exist`, 126);
}

async function examine(path: string): Promise<"absent" | "refused" | "runnable"> {
	try {
		if (!(await stat(path)).isFile()) return "refused";
		await access(path, constants.X_OK);
		return "runnable";
	} catch (error) {
		return (error as NodeJS.ErrnoException).code === "EACCES" ? "refused" : "absent";
	}
}
