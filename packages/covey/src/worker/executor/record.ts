import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";

/**
 * What is on disk of an attempt while its processes may live: enough to find them after this worker was killed.
 * Written before anything starts, and again when the process id is known. Not synced: a power cut ends the processes too.
 */
export const RunningRecord = z.object({
	attempt: z.string(),
	/** The process id of the worker that runs it. */
	owner: z.number().int(),
	mark: z.string(),
	temporaryDirectory: z.string(),
	controlGroup: z.string().optional(),
	/** The main process, which leads its group, and when it started. */
	process: z.object({ pid: z.number().int().min(2), startedAt: z.number() }).optional(),
});
export type RunningRecord = z.infer<typeof RunningRecord>;

export function writeRecord(stateDirectory: string, record: RunningRecord): void {
	const path = recordPath(stateDirectory, record.attempt);
	mkdirSync(join(stateDirectory, folder), { recursive: true, mode: 0o700 });
	writeFileSync(`${path}.new`, JSON.stringify(record), { mode: 0o600 });
	renameSync(`${path}.new`, path);
}

export function removeRecord(stateDirectory: string, attempt: string): void {
	rmSync(recordPath(stateDirectory, attempt), { force: true });
}

/** All that can be read. One that cannot was torn while being written, before anything was started under it. */
export function readRecords(stateDirectory: string): RunningRecord[] {
	let names: string[];
	try {
		names = readdirSync(join(stateDirectory, folder));
	} catch {
		return [];
	}
	return names
		.filter((name) => name.endsWith(".json"))
		.flatMap((name) => {
			try {
				const parsed = RunningRecord.safeParse(JSON.parse(readFileSync(join(stateDirectory, folder, name), "utf8")));
				return parsed.success ? [parsed.data] : [];
			} catch {
				return [];
			}
		});
}

const folder = "running";

function recordPath(stateDirectory: string, attempt: string): string {
	return join(stateDirectory, folder, `${attempt}.json`);
}
