import { openControlGroup } from "#host/process/control-group.ts";
import { findProcess } from "#host/process/table.ts";
import { killTree } from "#host/process/tree.ts";
import { removeDirectory } from "./directory.ts";
import { type RunningRecord, readRecords, removeRecord } from "./record.ts";

export interface Orphans {
	readonly attempt: string;
	readonly killed: number;
	readonly survivors: readonly number[];
}

/**
 * Kills what an earlier instance of this worker left behind when it was killed itself: an instance that crashed cannot
 * report, so nobody waits for these processes any more. Call it at the start, before the first attempt; or at any time
 * with the process id of a dead instance as `owner`.
 */
export async function sweepOrphans(stateDirectory: string, owner?: number): Promise<Orphans[]> {
	const swept: Orphans[] = [];
	for (const record of readRecords(stateDirectory)) {
		if (owner !== undefined && record.owner !== owner) continue;
		const result = await killRecorded(record);
		await removeDirectory(record.temporaryDirectory);
		if (result.survivors.length === 0) removeRecord(stateDirectory, record.attempt);
		swept.push({ attempt: record.attempt, ...result });
	}
	return swept;
}

async function killRecorded(record: RunningRecord): Promise<{ killed: number; survivors: readonly number[] }> {
	const controlGroup = record.controlGroup === undefined ? undefined : openControlGroup(record.controlGroup);
	const main = record.process && findProcess(record.process.pid);
	// The group is believed only while its leader is the very process that we started: ids are used again.
	const group = main !== undefined && main.startedAt === record.process?.startedAt ? main.group : undefined;
	const held = await killTree({ mark: { group, environment: record.mark }, controlGroup });
	const marked = await killTree({ mark: { group, environment: record.mark }, controlGroup: undefined });
	if (held.survivors.length === 0) controlGroup?.remove();
	return { killed: held.killed + marked.killed, survivors: [...new Set([...held.survivors, ...marked.survivors])] };
}
