import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { mkdir, rmdir } from "node:fs/promises";
import { join, relative } from "node:path";

/** What a control group can bound here. Depends on what was delegated to this process. */
export type Controller = "memory" | "pids" | "cpu";

/** The part of the cgroup v2 hierarchy in which this process may make groups. */
export interface ControlGroups {
	readonly root: string;
	readonly controllers: ReadonlySet<Controller>;
}

/** Bounds of one process tree. An absent field bounds nothing. */
export interface ResourceLimits {
	readonly memoryBytes?: number;
	readonly processes?: number;
	/** In cores, as in 1.5. Only where a control group can do it. */
	readonly cpus?: number;
}

/**
 * Finds them by trying: mounts differ (pure, hybrid, in a container), and only a write tells whether it may be done.
 * @returns undefined where there is no writable cgroup v2 with `cgroup.kill` (Linux ≥ 5.14).
 */
export function findControlGroups(): ControlGroups | undefined {
	try {
		const root = ownGroup();
		if (root === undefined) return undefined;
		const probe = join(root, `covey-probe-${process.pid}`);
		mkdirSync(probe);
		try {
			if (!existsSync(join(probe, "cgroup.kill"))) return undefined;
		} finally {
			rmdirSync(probe);
		}
		return { root, controllers: enableControllers(root) };
	} catch {
		return undefined;
	}
}

/** A new, empty group. @throws the system's error when it exists or may not be made. */
export function createControlGroup(groups: ControlGroups, name: string, limits: ResourceLimits): ControlGroup {
	const path = join(groups.root, `${prefix}${name}`);
	mkdirSync(path);
	limitControlGroup(groups, path, limits);
	return new ControlGroup(path);
}

/** The same without bounds, and without holding up this thread: while a process enters any group, the kernel makes none. */
export async function prepareControlGroup(groups: ControlGroups, name: string): Promise<ControlGroup> {
	const path = join(groups.root, `${prefix}${name}`);
	await mkdir(path);
	return new ControlGroup(path);
}

/** Bounds what is in a group and what comes into it. @throws the system's error. */
export function limitControlGroup(groups: ControlGroups, path: string, limits: ResourceLimits): void {
	const set = (file: string, value: string) => writeFileSync(join(path, file), value);
	if (groups.controllers.has("memory") && limits.memoryBytes !== undefined) {
		set("memory.max", String(limits.memoryBytes));
		if (existsSync(join(path, "memory.swap.max"))) set("memory.swap.max", "0");
	}
	if (groups.controllers.has("pids") && limits.processes !== undefined) set("pids.max", String(limits.processes));
	if (groups.controllers.has("cpu") && limits.cpus !== undefined) set("cpu.max", `${Math.round(limits.cpus * 100_000)} 100000`);
}

/** Removes the empty groups called `<name>-<process id>-…` of processes that have ended. */
export function removeGroupsOfTheDead(groups: ControlGroups, name: string): void {
	const pattern = new RegExp(`^${prefix}${name}-(\\d+)-`);
	for (const entry of readdirSync(groups.root)) {
		const owner = pattern.exec(entry)?.[1];
		if (owner === undefined || existsSync(`/proc/${owner}`)) continue;
		try {
			rmdirSync(join(groups.root, entry));
		} catch {
			// Something is in it: an attempt, which the sweep knows of.
		}
	}
}

/** A group that an earlier process made, for the sweep of what it left. @returns undefined for any path that is not one of ours. */
export function openControlGroup(path: string): ControlGroup | undefined {
	const ours = path.split("/").at(-1)?.startsWith(prefix) && existsSync(join(path, "cgroup.kill"));
	return ours ? new ControlGroup(path) : undefined;
}

const prefix = "covey-";

/** One group on disk. Nothing in it can leave it without write access to the hierarchy, so "not populated" is proof. */
export class ControlGroup {
	readonly path: string;

	constructor(path: string) {
		this.path = path;
	}

	/** Ids of all living processes, those of nested groups included. */
	processes(): number[] {
		return [...descend(this.path)].flatMap((path) => read(join(path, "cgroup.procs")).split("\n").filter(Boolean).map(Number));
	}

	/** False proves that nothing is left. Zombies do not count. */
	get populated(): boolean {
		return field(join(this.path, "cgroup.events"), "populated") === 1;
	}

	/** KILL to everything in it at once, forks in flight included. */
	kill(): void {
		writeFileSync(join(this.path, "cgroup.kill"), "1");
	}

	/** Processes that the kernel killed for want of memory; undefined without the memory controller. */
	get oomKills(): number | undefined {
		return field(join(this.path, "memory.events"), "oom_kill");
	}

	get memoryPeakBytes(): number | undefined {
		return Number(read(join(this.path, "memory.peak"))) || undefined;
	}

	/** Removes it without holding up this thread: while a process enters any group, the kernel removes none. Never throws: what stays is empty. */
	async removeSoon(): Promise<void> {
		for (const path of [...descend(this.path)].reverse()) await rmdir(path).catch(() => {});
	}

	/** Removes it. Safe twice. @throws the system's error while it is populated. */
	remove(): void {
		for (const path of [...descend(this.path)].reverse()) {
			try {
				rmdirSync(path);
			} catch (error) {
				if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
			}
		}
	}
}

/** Where this process stands in the unified hierarchy, as a path in this mount namespace. */
function ownGroup(): string | undefined {
	const own = /^0::(.*)$/m.exec(read("/proc/self/cgroup"))?.[1];
	const mount = read("/proc/self/mountinfo")
		.split("\n")
		.find((line) => line.includes(" - cgroup2 "))
		?.split(" ");
	if (own === undefined || mount === undefined) return undefined;
	const [, , , mountRoot = "/", mountPoint = ""] = mount;
	return join(mountPoint, relative(mountRoot, own));
}

/**
 * A group hands controllers down only while no process sits in it itself (the "no internal processes" rule), so a worker
 * that is alone in a delegated group moves into a leaf of it.
 */
function enableControllers(root: string): ReadonlySet<Controller> {
	const offered = new Set(read(join(root, "cgroup.controllers")).trim().split(" "));
	const wanted = (["memory", "pids", "cpu"] as const).filter((controller) => offered.has(controller));
	if (wanted.length === 0) return new Set();
	const enable = () => writeFileSync(join(root, "cgroup.subtree_control"), wanted.map((controller) => `+${controller}`).join(" "));
	try {
		enable();
	} catch {
		if (read(join(root, "cgroup.procs")).trim() !== String(process.pid)) return new Set();
		mkdirSync(join(root, "covey-worker"), { recursive: true });
		writeFileSync(join(root, "covey-worker", "cgroup.procs"), String(process.pid));
		try {
			enable();
		} catch {
			return new Set();
		}
	}
	return new Set(wanted);
}

function* descend(path: string): Generator<string> {
	yield path;
	try {
		for (const entry of readdirSync(path, { withFileTypes: true })) if (entry.isDirectory()) yield* descend(join(path, entry.name));
	} catch {
		// It went while we looked.
	}
}

function field(file: string, name: string): number | undefined {
	const value = new RegExp(`^${name} (\\d+)$`, "m").exec(read(file))?.[1];
	return value === undefined ? undefined : Number(value);
}

function read(file: string): string {
	try {
		return readFileSync(file, "utf8");
	} catch {
		return "";
	}
}
