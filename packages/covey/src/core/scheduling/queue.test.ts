import fc from "fast-check";
import { expect, test } from "vitest";
import { Scene } from "#core/fleet.fixture.ts";
import type { Task } from "#core/task.ts";
import { FairShares } from "./fairness.ts";
import { TaskQueue, type Ticket } from "./queue.ts";

function taskOf(submitter: string, priority: number, order: number): Task {
	return { spec: { submitter, submission: { priority } }, order } as unknown as Task;
}

test("the next task is of the highest priority, then of the submitter who had least, then the oldest", () => {
	const command = fc.record({
		kind: fc.constantFrom("push", "push", "take", "remove", "elsewhere"),
		submitter: fc.constantFrom("ann", "ben", "cat"),
		priority: fc.constantFrom(-1, 0, 7),
		pick: fc.nat(),
	});
	fc.assert(
		fc.property(fc.array(command, { maxLength: 80 }), (commands) => {
			const shares = new FairShares();
			const queue = new TaskQueue("key", shares);
			const times = new Map<string, ReturnType<FairShares["enter"]>>();
			for (const name of ["ann", "ben", "cat"]) times.set(name, shares.enter(name));
			const model: Task[] = [];
			const best = (): Task | undefined =>
				model.toSorted(
					(left, right) =>
						right.spec.submission.priority - left.spec.submission.priority ||
						times.get(left.spec.submitter)!.virtualTime - times.get(right.spec.submitter)!.virtualTime ||
						left.order - right.order,
				)[0];
			const drop = (task: Task): void => {
				queue.remove(task.ticket as Ticket);
				model.splice(model.indexOf(task), 1);
				expect(task.ticket).toBeUndefined();
			};
			for (const { kind, submitter, priority, pick } of commands) {
				const some = model[pick % Math.max(1, model.length)];
				if (kind === "push") {
					// A requeued task is older than what was pushed before it.
					const task = taskOf(submitter, priority, pick);
					queue.push(task);
					model.push(task);
				} else if (kind === "elsewhere") times.get(submitter)!.virtualTime += 1 + (pick % 3);
				else if (kind === "remove" && some !== undefined) drop(some);
				else if (kind === "take" && model.length > 0) {
					const { task, lane } = queue.peek() as Ticket;
					lane.submitter.virtualTime++;
					drop(task);
				}
				const expected = best();
				const seen = queue.peek()?.task;
				expect(seen?.spec).toEqual(expected?.spec);
				expect(seen?.order).toBe(expected?.order);
				expect(queue.size).toBe(model.length);
				const top = model.filter((task) => task.spec.submission.priority === expected?.spec.submission.priority);
				expect(queue.contended).toBe(new Set(top.map((task) => task.spec.submitter)).size > 1);
			}
		}),
	);
});

test("what is ahead of a task is what is more important, or as important and older", () => {
	const queue = new TaskQueue("key", new FairShares());
	const tasks = [taskOf("ann", 0, 1), taskOf("ben", 0, 2), taskOf("ann", 5, 3), taskOf("ann", 0, 4), taskOf("ben", -5, 5)];
	for (const task of tasks) queue.push(task);
	expect(tasks.map((task) => queue.ahead(task.ticket as Ticket))).toEqual([1, 2, 0, 3, 4]);
});

test("a flood of one submitter in one class leaves another submitter of another class its share", () => {
	const scene = new Scene();
	for (let at = 0; at < 40; at++) scene.submit({}, { name: "flood", admin: false, namespaces: [] });
	for (let at = 0; at < 10; at++) scene.submit({ constraints: { os: "linux" } }, { name: "ben", admin: false, namespaces: [] });
	const worker = scene.connect("box", { slots: 1 });
	const order: string[] = [];
	for (let at = 0; at < 20; at++) {
		const [key] = [...worker.held.keys()];
		const task = scene.task(key!.split(".")[0]!);
		order.push(task.spec.submitter);
		scene.complete(task);
	}
	expect(order.filter((name) => name === "ben")).toHaveLength(10);
	expect(order.slice(0, 4).filter((name) => name === "ben")).toHaveLength(2);
});

test("nobody loses for having used slots that no one else wanted", () => {
	const scene = new Scene();
	const worker = scene.connect("box");
	const turn = (): string => {
		const task = scene.task([...worker.held.keys()][0]!.split(".")[0]!);
		scene.complete(task);
		return task.spec.submitter;
	};
	for (let at = 0; at < 50; at++) {
		scene.submit({}, { name: "busy", admin: false, namespaces: [] });
		turn();
	}
	for (let at = 0; at < 6; at++) {
		scene.submit({}, { name: "busy", admin: false, namespaces: [] });
		scene.submit({}, { name: "new", admin: false, namespaces: [] });
	}
	const order = Array.from({ length: 12 }, turn);
	for (let at = 2; at <= 12; at += 2) {
		const busy = order.slice(0, at).filter((name) => name === "busy").length;
		expect(Math.abs(2 * busy - at)).toBeLessThanOrEqual(2);
	}
});
