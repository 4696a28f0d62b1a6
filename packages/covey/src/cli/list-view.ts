import type { TaskView } from "@covey/protocol/task";
import type { WorkerView } from "@covey/protocol/worker";
import { formatDuration } from "#kit/duration.ts";
import { ago, plain, renderTable } from "./table.ts";
import type { Style } from "./terminal.ts";

/** Tasks as a table; newest first, as they come. */
export function taskTable(tasks: readonly TaskView[], now: number, style: Style): string {
	const rows = tasks.map((task) => [
		task.id,
		taskState(task, style),
		task.attempts.at(-1)?.worker ?? "-",
		ago(task.createdAt, now),
		formatDuration((task.endedAt ?? now) - task.createdAt),
		plain(task.title),
	]);
	return renderTable(["TASK", "STATE", "MACHINE", "SUBMITTED", "TIME", "TITLE"], rows, style.bold);
}

/** The status, or once it has ended the outcome and the command's code. */
export function taskState(task: TaskView, style: Style): string {
	const { status, outcome, exitCode } = task;
	if (outcome === "passed") return style.green("passed");
	if (outcome === "failed") return style.red(exitCode === undefined || exitCode === null ? "failed" : `failed (${exitCode})`);
	if (outcome !== undefined && status !== "pending") return style.red(outcome);
	return status === "needs_human" ? style.red(status) : status === "pending" ? style.yellow(status) : status;
}

export function workerTable(workers: readonly WorkerView[], now: number, style: Style): string {
	const rows = workers.map((worker) => {
		const { offer } = worker;
		return [
			worker.name + (worker.embedded ? " (embedded)" : ""),
			workerState(worker, now, style),
			offer ? `${worker.slotsUsed}/${offer.slots}` : "-",
			offer ? plain(`${offer.os}/${offer.arch}`) : "-",
			worker.pressure ? pressureText(worker.pressure, style) : "-",
			offer ? isolationText(offer, style) : "-",
			offer
				? Object.entries(offer.tags)
						.map(([key, value]) => plain(`${key}=${value}`))
						.join(" ")
				: "",
		];
	});
	return renderTable(["WORKER", "STATE", "SLOTS", "MACHINE", "PRESSURE", "ISOLATION", "TAGS"], rows, style.bold);
}

function workerState(worker: WorkerView, now: number, style: Style): string {
	if (worker.revoked) return style.red("revoked");
	if (worker.status !== "connected")
		return style.red(`${worker.status}${worker.seenAt === undefined ? "" : `, seen ${ago(worker.seenAt, now)}`}`);
	return worker.draining ? style.yellow("draining") : style.green("connected");
}

function pressureText(pressure: NonNullable<WorkerView["pressure"]>, style: Style): string {
	const { cpu, io, memory, admits } = pressure;
	const percent = (share: number) => `${Math.round(share * 100)}%`;
	const text = `cpu ${percent(cpu)} io ${percent(io)} mem ${percent(memory)}`;
	return admits ? text : style.yellow(`${text}, full`);
}

/** The level that a task gets unasked, and the highest that it may ask for. */
function isolationText({ isolation, isolationDefault = 0 }: NonNullable<WorkerView["offer"]>, style: Style): string {
	const given = isolationDefault < 2 ? style.yellow(`${isolationDefault} UNCONFINED`) : String(isolationDefault);
	return isolation > isolationDefault ? `${given}, up to ${isolation}` : given;
}
