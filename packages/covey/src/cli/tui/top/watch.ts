import type { Fleet } from "@covey/client";
import { type TaskView, wireLimits } from "@covey/protocol";
import type { View } from "./view.ts";

/** How much of each list is asked for; more does not fit any screen. */
const shownMax = 100;
/** Running tasks whose last line is looked up. */
const linesMax = 20;

/** Everything the screen shows, asked for side by side. */
export async function readView(fleet: Fleet, now = Date.now()): Promise<View> {
	const list = (status: TaskView["status"] | TaskView["status"][]) => fleet.call("task.list", { status, limit: shownMax });
	const [status, { workers }, running, waiting, recent] = await Promise.all([
		fleet.call("fleet.status", {}),
		fleet.call("worker.list", {}),
		list(["claimed", "in_progress"]),
		list("pending"),
		list(["done", "failed", "cancelled", "needs_human"]),
	]);
	const busy = [...running.tasks].reverse();
	const lastLines = new Map(
		await Promise.all(
			busy.slice(0, linesMax).map(async ({ id }): Promise<[string, string]> => {
				// A task that ended meanwhile has none to show.
				const { text } = await fleet.call("task.tail", { task: id, bytes: 2048 }).catch(() => ({ text: "" }));
				return [id, lastLineOf(text)];
			}),
		),
	);
	const present = workers.filter((worker) => worker.status !== "gone");
	return {
		now,
		status,
		workers: present,
		running: busy,
		queue: [...waiting.tasks].sort((one, other) => other.priority - one.priority || one.createdAt - other.createdAt),
		recent: recent.tasks,
		lastLines,
	};
}

/** The last line that says something; of a progress bar what stands now. */
export function lastLineOf(text: string): string {
	const lines = text.split("\n").map((line) => line.split("\r").findLast((part) => part.trim() !== "") ?? "");
	return lines.findLast((line) => line.trim() !== "")?.trim() ?? "";
}

/** The end of a task's output, as lines. */
export async function readLog(fleet: Fleet, task: string): Promise<readonly string[]> {
	const { text } = await fleet.call("task.tail", { task, bytes: wireLimits.tailBytesMax });
	return text.split("\n").map((line) => line.split("\r").findLast((part) => part !== "") ?? "");
}
