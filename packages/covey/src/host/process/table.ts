import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";

/** A living process. Zombies are not living. */
export interface ProcessEntry {
	readonly pid: number;
	readonly parent: number;
	readonly group: number;
	/** Ticks since boot (Linux); with the pid it names one process for ever. 0 elsewhere. */
	readonly startedAt: number;
}

/** How to recognise the members of a tree when no control group holds them. */
export interface TreeMark {
	/** Process group of the main process; undefined when it is not known any more. */
	readonly group: number | undefined;
	/** `NAME=value`, set in the environment of the main process and inherited by all that did not clear it. */
	readonly environment: string | undefined;
	/** When the main process started, in ticks since boot: nothing older belongs to it. Undefined: nothing is too old. */
	readonly since?: number | undefined;
}

/**
 * All that belongs to a tree: its group, whoever carries its mark, and the children of those. One look; since processes
 * fork while we look, a caller that kills repeats it until it finds nothing.
 */
export function findTree(mark: TreeMark): ProcessEntry[] {
	const entries = listProcesses().filter((entry) => entry.startedAt >= (mark.since ?? 0));
	const marked = mark.environment === undefined ? new Set<number>() : findMarked(entries, mark.environment);
	const members = new Set(entries.filter((entry) => entry.group === mark.group || marked.has(entry.pid)).map((entry) => entry.pid));
	for (let before = -1; before !== members.size; ) {
		before = members.size;
		for (const entry of entries) if (members.has(entry.parent)) members.add(entry.pid);
	}
	members.delete(process.pid);
	return entries.filter((entry) => members.has(entry.pid));
}

/** @returns undefined when there is no such living process. */
export function findProcess(pid: number): ProcessEntry | undefined {
	return onLinux ? readEntry(pid) : listProcesses().find((entry) => entry.pid === pid);
}

/** Resident memory in bytes; 0 when it is gone or cannot be told. */
export function residentBytes(pid: number): number {
	try {
		return Number(readFileSync(`/proc/${pid}/statm`, "utf8").split(" ")[1]) * pageBytes;
	} catch {
		return 0;
	}
}

const onLinux = process.platform === "linux";
/** Linux on the architectures that Node runs on: 4 KiB but for rare arm64 kernels, where it only makes a sample too low. */
const pageBytes = 4096;

function listProcesses(): ProcessEntry[] {
	if (!onLinux) return listByPs();
	return readdirSync("/proc")
		.filter((name) => name.charCodeAt(0) <= 57)
		.map((name) => readEntry(Number(name)))
		.filter((entry) => entry !== undefined);
}

function readEntry(pid: number): ProcessEntry | undefined {
	let stat: string;
	try {
		stat = readFileSync(`/proc/${pid}/stat`, "latin1");
	} catch {
		return undefined;
	}
	// The name is in parentheses and may itself hold any of them.
	const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
	if (fields[0] === "Z" || fields[0] === "X") return undefined;
	return { pid, parent: Number(fields[1]), group: Number(fields[2]), startedAt: Number(fields[19]) };
}

function findMarked(entries: readonly ProcessEntry[], mark: string): Set<number> {
	if (!onLinux) return findMarkedByPs(mark);
	const needle = `\0${mark}\0`;
	return new Set(
		entries
			.filter(({ pid, group }) => {
				// Kernel threads have no environment.
				if (group === 0) return false;
				try {
					return `\0${readFileSync(`/proc/${pid}/environ`, "latin1")}\0`.includes(needle);
				} catch {
					return false;
				}
			})
			.map(({ pid }) => pid),
	);
}

/** macOS and the BSDs. Not tried on a real one. */
function listByPs(): ProcessEntry[] {
	return spawnSync("ps", ["-axo", "pid=,ppid=,pgid=,stat="], { encoding: "utf8" })
		.stdout.split("\n")
		.map((line) => line.trim().split(/\s+/))
		.filter((fields) => fields.length === 4 && !fields[3]?.startsWith("Z"))
		.map(([pid, parent, group]) => ({ pid: Number(pid), parent: Number(parent), group: Number(group), startedAt: 0 }));
}

function findMarkedByPs(mark: string): Set<number> {
	const lines = spawnSync("ps", ["-axEwwo", "pid=,command="], { encoding: "utf8" }).stdout.split("\n");
	return new Set(lines.filter((line) => ` ${line} `.includes(` ${mark} `)).map((line) => Number.parseInt(line, 10)));
}
