import { open, readFile, stat } from "node:fs/promises";
import { getuid } from "node:process";
import { CoveyError } from "@covey/protocol";

/**
 * A file that only its owner may read, as text; undefined when there is none.
 * @throws CoveyError `forbidden` that names the file and the command that mends it.
 */
export async function readPrivateFile(file: string): Promise<string | undefined> {
	const found = await stat(file).catch((error: NodeJS.ErrnoException) => {
		if (error.code === "ENOENT") return undefined;
		throw error;
	});
	if (!found) return undefined;
	const mode = found.mode & 0o777;
	if (mode & 0o077) {
		throw new CoveyError("forbidden", `${file} has mode ${mode.toString(8)}: others on this machine can read it`, {
			hint: `chmod 600 ${file}`,
		});
	}
	if (getuid !== undefined && found.uid !== getuid()) {
		throw new CoveyError("forbidden", `${file} belongs to user ${found.uid}, and this process is user ${getuid()}`, {
			hint: `chown ${getuid()} ${file}`,
		});
	}
	return readFile(file, "utf8");
}

/** Creates it with mode 0600, on disk when it resolves. @throws when it is there already. */
export async function writePrivateFile(file: string, text: string): Promise<void> {
	await using handle = await open(file, "wx", 0o600);
	await handle.writeFile(text);
	await handle.sync();
}
