import { readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { endName } from "./paths.ts";

/** Written when a log has ended, after its segments were synced; what marks it as complete. */
const Ending = z.object({ end: z.number().int().min(0), endedAt: z.number() });
export type Ending = z.infer<typeof Ending>;

export async function writeEnding(directory: string, ending: Ending): Promise<void> {
	const path = join(directory, endName);
	await writeFile(`${path}.new`, JSON.stringify(ending));
	await rename(`${path}.new`, path);
}

/** Undefined when the log has not ended, or its marker cannot be read. */
export async function readEnding(directory: string): Promise<Ending | undefined> {
	try {
		return Ending.parse(JSON.parse(await readFile(join(directory, endName), "utf8")));
	} catch {
		return undefined;
	}
}
