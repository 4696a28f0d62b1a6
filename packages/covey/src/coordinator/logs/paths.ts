import { assert } from "#kit/assert.ts";

/**
 * Where a log lies: `<root>/<last two characters of the task>/<task>/<attempt>/`, in it segments named by the offset
 * of their first byte (`0000000000000000.log`, compressed `….log.zst`) and, once it has ended, `end.json`.
 */
export function attemptDirectory(root: string, task: string, attempt: number): string {
	assert(Number.isInteger(attempt) && attempt > 0, "an attempt number names a log");
	return `${taskDirectory(root, task)}/${attempt}`;
}

/** Nothing that could lead out of the directory. */
const taskName = /^t_[0-9a-z]{26}$/;

export function taskDirectory(root: string, task: string): string {
	assert(taskName.test(task), "a task id names a log");
	return `${root}/${task.slice(-2)}/${task}`;
}

export const endName = "end.json";
export const compressedSuffix = ".zst";

export function segmentName(first: number): string {
	return `${String(first).padStart(16, "0")}.log`;
}

/** The offset in a segment's name, or undefined for any other file. */
export function parseSegmentName(name: string): number | undefined {
	const match = /^(\d{16})\.log(\.zst)?$/.exec(name);
	return match === null ? undefined : Number(match[1]);
}
