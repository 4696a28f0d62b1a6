import { renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { salvageJournal as salvageFile } from "#journal/sqlite/salvage.ts";
import { paths } from "./paths.ts";

/** What was saved, and where the damaged file is now. */
export interface Salvaged {
	readonly entries: number;
	readonly sequence: number;
	readonly damaged: string;
	/** What was lost and why, a sentence each. */
	readonly lost: readonly string[];
}

/** Puts the longest provable beginning of this home's journal in its place; the damaged one stays beside it. */
export async function salvageJournal(): Promise<Salvaged> {
	const file = join(paths().coordinator, "journal.db");
	const stamp = new Date().toISOString().replaceAll(/[:.]/g, "-");
	const whole = `${file}.salvaged-${stamp}`;
	const damaged = `${file}.damaged-${stamp}`;
	const report = salvageFile({ file, into: whole });
	for (const suffix of ["", "-wal"]) renameIfThere(`${file}${suffix}`, `${damaged}${suffix}`);
	rmSync(`${file}-shm`, { force: true });
	renameSync(whole, file);
	return { entries: report.entries, sequence: report.tail, damaged, lost: report.lost };
}

function renameIfThere(from: string, to: string): void {
	try {
		renameSync(from, to);
	} catch (error) {
		if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
	}
}
