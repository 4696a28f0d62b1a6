import type { Task } from "./task.ts";

/** The tasks in memory by order of submission, for paging from the newest. Tasks that left stay as dead weight, at most half of all. */
export class Newest {
	#tasks: Task[] = [];
	readonly #dead = new Set<Task>();

	add(task: Task): void {
		const last = this.#tasks.at(-1);
		if (last === undefined || last.order < task.order) this.#tasks.push(task);
		else this.#tasks.splice(this.#after(task.order), 0, task);
	}

	remove(task: Task): void {
		this.#dead.add(task);
		if (this.#dead.size * 2 <= this.#tasks.length) return;
		this.#tasks = this.#tasks.filter((other) => !this.#dead.has(other));
		this.#dead.clear();
	}

	/** From the newest, or the newest below the order `before`. */
	*from(before = Number.POSITIVE_INFINITY): Generator<Task> {
		for (let at = this.#after(before - 1) - 1; at >= 0; at--) {
			const task = this.#tasks[at] as Task;
			if (!this.#dead.has(task)) yield task;
		}
	}

	/** Where the first task with a higher order stands. */
	#after(order: number): number {
		let low = 0;
		let high = this.#tasks.length;
		while (low < high) {
			const middle = (low + high) >> 1;
			if ((this.#tasks[middle] as Task).order > order) high = middle;
			else low = middle + 1;
		}
		return low;
	}
}
