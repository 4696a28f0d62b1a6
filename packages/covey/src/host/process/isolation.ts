import { spawn } from "node:child_process";
import { once } from "node:events";
import { tmpdir } from "node:os";
import type { ControlGroups } from "./control-group.ts";
import { withSandbox } from "./sandbox.ts";

/** The highest level that this machine can give a job, and by what, for people. */
export interface Isolation {
	/** 0 process group, 1 resource limits, 2 filesystem sandbox. Level 3, another user, is not offered. */
	readonly level: 0 | 1 | 2;
	readonly means: string;
}

/** Finds it by running what would be run: versions and kernel settings do not tell whether user namespaces are allowed. */
export async function probeIsolation(groups: ControlGroups | undefined): Promise<Isolation> {
	if (process.platform !== "linux") return { level: 0, means: "process group" };
	const held = groups === undefined ? "group and mark" : "control group";
	const controllers = [...(groups?.controllers ?? [])];
	const limits = `${held}, limits by ${controllers.length > 0 ? controllers.join(", ") : "sampling"}`;
	return (await canSandbox()) ? { level: 2, means: `${limits}, bubblewrap` } : { level: 1, means: limits };
}

async function canSandbox(): Promise<boolean> {
	try {
		const [file = "", ...rest] = withSandbox(["sh", "-c", "! touch /usr/.covey-probe 2>/dev/null"], "/", {
			writable: [],
			hidden: [tmpdir()],
		});
		const [code] = await once(spawn(file, rest, { stdio: "ignore", timeout: 5000 }), "exit");
		return code === 0;
	} catch {
		return false;
	}
}
