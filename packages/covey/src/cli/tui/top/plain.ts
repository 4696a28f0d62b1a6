import type { View } from "./view.ts";

/** Without a terminal: a line for each thing that changed since the last look; at the first look one for each thing there is. */
export function changedLines(before: View | undefined, view: View): string[] {
	const time = new Date(view.now).toISOString();
	const known = new Map(before && [...before.running, ...before.queue, ...before.recent].map((task) => [task.id, stateOf(task)]));
	const tasks = [...view.recent.slice().reverse(), ...view.running, ...view.queue]
		.filter((task) => (before !== undefined || task.endedAt === undefined) && known.get(task.id) !== stateOf(task))
		.map((task) => `${time} ${task.id} ${stateOf(task)} ${JSON.stringify(task.title)}`);
	const seen = new Map(before?.workers.map((worker) => [worker.name, workerState(worker)]));
	const workers = view.workers
		.filter((worker) => seen.get(worker.name) !== workerState(worker))
		.map((worker) => `${time} worker ${worker.name} ${workerState(worker)}`);
	const left = (before?.workers ?? [])
		.filter(({ name }) => !view.workers.some((worker) => worker.name === name))
		.map(({ name }) => `${time} worker ${name} gone`);
	return [...workers, ...left, ...tasks];
}

function stateOf(task: View["running"][number]): string {
	const machine = task.attempts.at(-1)?.worker;
	return [task.endedAt === undefined ? task.status : (task.outcome ?? task.status), ...(machine ? [`on ${machine}`] : [])].join(" ");
}

function workerState({ status, draining, slotsUsed, offer }: View["workers"][number]): string {
	return `${draining ? "draining" : status} ${slotsUsed}/${offer?.slots ?? 0}`;
}
