import { setTimeout as delay } from "node:timers/promises";
import type { ControlGroup } from "./control-group.ts";
import { findProcess, findTree, type ProcessEntry, type TreeMark } from "./table.ts";

/** A process and everything that came from it. Held by a control group where there is one, else by group and mark. */
export interface ProcessTree {
	readonly mark: TreeMark;
	readonly controlGroup: ControlGroup | undefined;
}

/** What a kill came to. `survivors` not empty: the kernel holds them (uninterruptible sleep), or they are not ours to kill. */
export interface KillResult {
	readonly killed: number;
	readonly survivors: readonly number[];
}

/** TERM to every member that is known, the group first, so that a shell hears it together with its children. */
export function terminateTree(tree: ProcessTree): void {
	const { group } = tree.mark;
	if (group !== undefined) signal(-group, "SIGTERM");
	for (const pid of tree.controlGroup?.processes() ?? []) {
		if (findProcess(pid)?.group !== group) signal(pid, "SIGTERM");
	}
}

/** A cheap look, for waiting. Without a control group it sees the process group only. */
export function isTreeQuiet(tree: ProcessTree): boolean {
	if (tree.controlGroup !== undefined) return !tree.controlGroup.populated;
	return tree.mark.group === undefined || !signal(-tree.mark.group, 0);
}

/** Ids of the members alive now. */
export function treeMembers(tree: ProcessTree): number[] {
	return tree.controlGroup?.processes() ?? findTree(tree.mark).map((entry) => entry.pid);
}

/** KILL until it is proved that nothing is left, at most `waitMs`. At once when nothing is. */
export async function killTree(tree: ProcessTree, waitMs = 5000): Promise<KillResult> {
	const until = performance.now() + waitMs;
	return tree.controlGroup !== undefined ? killGroup(tree.controlGroup, until) : killMarked(tree.mark, until);
}

async function killGroup(group: ControlGroup, until: number): Promise<KillResult> {
	if (!group.populated) return { killed: 0, survivors: [] };
	const killed = group.processes().length;
	group.kill();
	for (let waitMs = 1; group.populated; waitMs = Math.min(waitMs * 2, 50)) {
		if (performance.now() > until) return { killed, survivors: group.processes() };
		await delay(waitMs);
	}
	return { killed, survivors: [] };
}

/** Two empty looks in a row end it: a process that forked behind the first is found by the second. */
async function killMarked(mark: TreeMark, until: number): Promise<KillResult> {
	const killed = new Set<string>();
	const name = (entry: ProcessEntry) => `${entry.pid} ${entry.startedAt}`;
	for (let empty = 0, waitMs = 1; empty < 2; ) {
		const found = findTree(mark);
		if (found.length === 0) {
			empty++;
			continue;
		}
		empty = 0;
		if (performance.now() > until) return { killed: killed.size, survivors: found.map((entry) => entry.pid) };
		if (mark.group !== undefined) signal(-mark.group, "SIGKILL");
		for (const entry of found) {
			killed.add(name(entry));
			signal(entry.pid, "SIGKILL");
		}
		await delay(waitMs);
		waitMs = Math.min(waitMs * 2, 50);
	}
	return { killed: killed.size, survivors: [] };
}

/** @returns whether anybody was there to hear it. */
function signal(pid: number, name: NodeJS.Signals | 0): boolean {
	try {
		process.kill(pid, name);
		return true;
	} catch (error) {
		return (error as NodeJS.ErrnoException).code === "EPERM";
	}
}
