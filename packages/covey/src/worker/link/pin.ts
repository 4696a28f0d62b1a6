import { readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { CoveyError } from "@covey/protocol";
import { z } from "zod";

/** What a worker remembers of the coordinator that it joined: trust on first use, backed by the join token's fingerprint. */
export const Pin = z.object({ fingerprint: z.string(), coordinator: z.string(), name: z.string() });
export type Pin = z.infer<typeof Pin>;

const pathOf = (stateDirectory: string): string => join(stateDirectory, "coordinator.json");

/** Undefined before the first welcome. @throws CoveyError `bad_request` when the file is damaged. */
export async function readPin(stateDirectory: string): Promise<Pin | undefined> {
	const path = pathOf(stateDirectory);
	const text = await readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
		if (error.code === "ENOENT") return undefined;
		throw error;
	});
	if (text === undefined) return undefined;
	try {
		return Pin.parse(JSON.parse(text));
	} catch (cause) {
		throw new CoveyError("bad_request", `${path} does not say which coordinator this worker belongs to`, {
			hint: "remove it and join again with a new token",
			cause,
		});
	}
}

/** All or nothing. */
export async function writePin(stateDirectory: string, pin: Pin): Promise<void> {
	const path = pathOf(stateDirectory);
	await writeFile(`${path}.new`, `${JSON.stringify(pin)}\n`, { mode: 0o600, flush: true });
	await rename(`${path}.new`, path);
}
