import fc from "fast-check";
import { expect, test } from "vitest";
import { Newest } from "./newest.ts";
import type { Task } from "./task.ts";

test("pages go from the newest to the oldest, whatever came back or left meanwhile", () => {
	fc.assert(
		fc.property(fc.array(fc.tuple(fc.boolean(), fc.nat(30)), { maxLength: 60 }), fc.nat(31), (commands, before) => {
			const newest = new Newest();
			const model = new Map<number, Task>();
			for (const [add, order] of commands) {
				const known = model.get(order);
				if (add && known === undefined) {
					const task = { order } as Task;
					model.set(order, task);
					newest.add(task);
				} else if (!add && known !== undefined) {
					model.delete(order);
					newest.remove(known);
				}
			}
			const expected = [...model.keys()].sort((left, right) => right - left);
			expect([...newest.from()].map((task) => task.order)).toEqual(expected);
			expect([...newest.from(before)].map((task) => task.order)).toEqual(expected.filter((order) => order < before));
		}),
	);
});
