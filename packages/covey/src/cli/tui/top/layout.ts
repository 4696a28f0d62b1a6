import type { TaskView, WorkerView } from "@covey/protocol";
import { plain } from "#cli/table.ts";
import { formatDuration } from "#kit/duration.ts";
import { isSame, type Selection, type View } from "./view.ts";

/** One piece of a line. `tone` is by its meaning; the terminal's own colours do the rest, on light and dark alike. */
export interface Piece {
	readonly text: string;
	readonly tone?: "title" | "quiet" | "good" | "bad" | "warn";
}

export interface Line {
	readonly pieces: readonly Piece[];
	readonly selected?: boolean;
}

/** Lines that each section may take; what does not fit is counted. */
interface Room {
	readonly workers: number;
	readonly running: number;
	readonly queue: number;
	readonly recent: number;
}

/** The whole screen as lines, each at most `width` characters, at most `height` of them. */
export function layOut(view: View, size: { readonly width: number; readonly height: number }, selected?: Selection): Line[] {
	const { width } = size;
	const { workers, running, queue, recent } = view;
	const room = share(view, size.height - 7);
	const mark = (selection: Selection, pieces: readonly Piece[]): Line => ({
		pieces: fit(pieces, width),
		selected: isSame(selected, selection),
	});
	const task = (pieces: (one: TaskView) => readonly Piece[]) => (one: TaskView) => mark({ kind: "task", id: one.id }, pieces(one));
	return [
		{ pieces: fit(headline(view), width) },
		section("WORKERS", workers.length, room.workers, width),
		...workers.slice(0, room.workers).map((worker) => mark({ kind: "worker", id: worker.name }, workerPieces(worker, width))),
		section("RUNNING", running.length, room.running, width),
		...running.slice(0, room.running).map(task((one) => runningPieces(one, view, width))),
		section("WAITING", queue.length, room.queue, width),
		...queue.slice(0, room.queue).map(task((one) => queuePieces(one, view, width))),
		section("ENDED", recent.length, room.recent, width),
		...recent.slice(0, room.recent).map(task((one) => recentPieces(one, view, width))),
	];
}

/** Each section gets what it needs as long as there is room; the ended ones take what is left. */
function share({ workers, running, queue, recent }: View, lines: number): Room {
	const least = Math.max(1, Math.floor(lines / 4));
	const first = Math.min(workers.length, Math.max(least, lines - running.length - queue.length - 2));
	const second = Math.min(running.length, Math.max(least, lines - first - Math.min(queue.length, least) - 1));
	const third = Math.min(queue.length, Math.max(0, Math.min(least, lines - first - second)));
	return { workers: first, running: second, queue: third, recent: Math.max(0, Math.min(recent.length, lines - first - second - third)) };
}

function headline({ status, workers: present, now }: View): Piece[] {
	const { workers, tasks, state, reason } = status;
	const here = present.filter((worker) => worker.status === "connected");
	const used = here.reduce((sum, { slotsUsed }) => sum + slotsUsed, 0);
	const slots = here.reduce((sum, { offer }) => sum + (offer?.slots ?? 0), 0);
	const time = new Date(now).toTimeString().slice(0, 8);
	return [
		{ text: status.coordinator, tone: "title" },
		{ text: "  " },
		{ text: reason ? `${state}: ${plain(reason)}` : state, tone: state === "ready" ? "good" : "warn" },
		{
			text: `  ${workers.connected} worker${workers.connected === 1 ? "" : "s"}  ${used}/${slots} slots  ${tasks.pending} waiting`,
		},
		...(tasks.needs_human > 0 ? [{ text: `  ${tasks.needs_human} need a person`, tone: "warn" as const }] : []),
		{ text: `  ${time}`, tone: "quiet" },
	];
}

function section(title: string, all: number, shown: number, width: number): Line {
	const more = all > shown ? `  ${all - shown} more` : "";
	return {
		pieces: fit(
			[
				{ text: title, tone: "title" },
				{ text: all === 0 ? "  none" : more, tone: "quiet" },
			],
			width,
		),
	};
}

function workerPieces({ name, status, slotsUsed, offer, pressure, draining, embedded }: WorkerView, width: number): Piece[] {
	const slots = `${slotsUsed}/${offer?.slots ?? 0}`;
	const percent = (share: number) => `${Math.round(share * 100)}%`.padStart(4);
	const load = pressure ? `cpu${percent(pressure.cpu)}  io${percent(pressure.io)}  mem${percent(pressure.memory)}` : "";
	const state = status !== "connected" ? status : draining ? "draining" : pressure?.admits === false ? "busy" : "ready";
	return [
		{ text: `  ${column(name, nameWidth(width))}  ${slots.padStart(7)}  ${bar(slotsUsed, offer?.slots ?? 0)}  ` },
		{ text: load.padEnd(29), tone: "quiet" },
		{ text: state, tone: state === "ready" ? "good" : "warn" },
		...(embedded ? [{ text: " coordinator's", tone: "quiet" as const }] : []),
	];
}

function runningPieces(task: TaskView, { now, lastLines }: View, width: number): Piece[] {
	const attempt = task.attempts.at(-1);
	const since = attempt?.startedAt;
	const state = task.cancelRequested ? "ending" : since === undefined ? "prepares" : formatDuration(Math.max(0, now - since));
	return [
		{ text: `  ${column(plain(task.title, 200), titleWidth(width))}  ` },
		{ text: `${column(attempt?.worker ?? "", 12)}  ` },
		{ text: `${state.padStart(9)}  `, tone: since === undefined || task.cancelRequested ? "warn" : "good" },
		{ text: plain(lastLines.get(task.id) ?? "", width), tone: "quiet" },
	];
}

function queuePieces(task: TaskView, { now }: View, width: number): Piece[] {
	return [
		{ text: `  ${column(plain(task.title, 200), titleWidth(width))}  ${column(task.submitter, 12)}  ` },
		{ text: `${formatDuration(Math.max(0, now - task.createdAt)).padStart(9)}  `, tone: "warn" },
		...(task.priority === 0 ? [] : [{ text: `priority ${task.priority}`, tone: "quiet" as const }]),
	];
}

function recentPieces(task: TaskView, { now }: View, width: number): Piece[] {
	const attempt = task.attempts.at(-1);
	const took = attempt?.report?.timings.command;
	const outcome = task.outcome ?? task.status;
	return [
		{ text: `  ${column(plain(task.title, 200), titleWidth(width))}  ${column(attempt?.worker ?? "", 12)}  ` },
		{ text: `${(took === undefined ? "" : formatDuration(took)).padStart(9)}  ` },
		{ text: outcome, tone: outcome === "passed" ? "good" : outcome === "cancelled" || outcome === "superseded" ? "quiet" : "bad" },
		{ text: `  ${formatDuration(Math.max(0, now - (task.endedAt ?? now)))} ago`, tone: "quiet" },
	];
}

const nameWidth = (width: number): number => Math.max(10, Math.min(20, width - 66));
const titleWidth = (width: number): number => Math.max(16, Math.floor((width - 30) * 0.55));

/** Used slots as a bar of at most ten places. */
function bar(used: number, total: number): string {
	const places = Math.min(10, total);
	const full = total === 0 ? 0 : Math.min(places, Math.ceil((used / total) * places));
	return `[${"#".repeat(full)}${".".repeat(places - full)}]`.padEnd(12);
}

/** Exactly so wide, cut with an ellipsis. */
function column(text: string, width: number): string {
	const line = plain(text, width);
	return line + " ".repeat(Math.max(0, width - [...line].length));
}

/** Cuts pieces so that together they fill no more than one line. */
function fit(pieces: readonly Piece[], width: number): Piece[] {
	const kept: Piece[] = [];
	let left = width;
	for (const piece of pieces) {
		const characters = [...piece.text];
		if (left <= 0) break;
		kept.push(characters.length <= left ? piece : { ...piece, text: `${characters.slice(0, left - 1).join("")}…` });
		left -= characters.length;
	}
	return kept;
}
