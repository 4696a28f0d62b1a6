import { isEnded } from "@covey/protocol";
import type { Task } from "./task.ts";

/** Finds tasks by the keys of their submissions, each within its namespace. */
export interface Keys {
	/** The first task submitted with a key, as long as it is in memory. */
	readonly dedup: Map<string, Task>;
	/** The task in flight that answers everybody who asks for the same. */
	readonly merge: Map<string, Task>;
	/** Live tasks with an ask that newer work replaces. */
	readonly supersede: Map<string, Task[]>;
}

export function createKeys(): Keys {
	return { dedup: new Map(), merge: new Map(), supersede: new Map() };
}

/** The task's keys as far as its status lets it answer to them. Call when it comes into memory or becomes live again. */
export function indexKeys(keys: Keys, task: Task): void {
	const { namespace, dedupKey, mergeKey } = task.spec.submission;
	if (dedupKey !== undefined && !keys.dedup.has(scoped(namespace, dedupKey))) keys.dedup.set(scoped(namespace, dedupKey), task);
	if (isEnded(task.status)) return;
	openToSuperseding(keys, task);
	if (mergeKey !== undefined && task.status !== "needs_human" && task.cancel === undefined)
		keys.merge.set(scoped(namespace, mergeKey), task);
}

/** Newer work with the key of one of its asks takes that ask back. */
export function openToSuperseding(keys: Keys, task: Task): void {
	for (const { supersedeKey } of task.asks) if (supersedeKey !== undefined) indexSupersede(keys, task, supersedeKey);
}

export function indexSupersede(keys: Keys, task: Task, supersedeKey: string): void {
	const key = scoped(task.spec.submission.namespace, supersedeKey);
	const tasks = keys.supersede.get(key);
	if (tasks === undefined) keys.supersede.set(key, [task]);
	else if (!tasks.includes(task)) tasks.push(task);
}

/** Nobody may join it any more: it is being cancelled, ended, or waits for a person. */
export function closeToMerges(keys: Keys, task: Task): void {
	const { namespace, mergeKey } = task.spec.submission;
	if (mergeKey !== undefined) forget(keys.merge, scoped(namespace, mergeKey), task);
}

/** Newer work need not look at it any more: it has ended. */
export function closeToSuperseding(keys: Keys, task: Task): void {
	for (const { supersedeKey } of task.asks) {
		if (supersedeKey === undefined) continue;
		const key = scoped(task.spec.submission.namespace, supersedeKey);
		const left = keys.supersede.get(key)?.filter((other) => other !== task);
		if (left === undefined || left.length === 0) keys.supersede.delete(key);
		else keys.supersede.set(key, left);
	}
}

/** It leaves memory. */
export function dropKeys(keys: Keys, task: Task): void {
	const { namespace, dedupKey } = task.spec.submission;
	if (dedupKey !== undefined) forget(keys.dedup, scoped(namespace, dedupKey), task);
}

/** No namespace holds the separator, so no two pairs meet. */
export function scoped(namespace: string, key: string): string {
	return `${namespace}\n${key}`;
}

function forget(index: Map<string, Task>, key: string, task: Task): void {
	if (index.get(key) === task) index.delete(key);
}
