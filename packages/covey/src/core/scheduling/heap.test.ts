import fc from "fast-check";
import { expect, test } from "vitest";
import { Heap, type Positioned } from "./heap.ts";

interface Item extends Positioned {
	key: number;
}

test("a heap agrees with a sorted list, whatever is pushed, removed or changed", () => {
	const command = fc.tuple(fc.constantFrom("push", "remove", "update"), fc.nat(20), fc.nat(1000));
	fc.assert(
		fc.property(fc.array(command, { maxLength: 60 }), (commands) => {
			const heap = new Heap<Item>((left, right) => left.key < right.key);
			const model: Item[] = [];
			for (const [name, key, pick] of commands) {
				const item = model[pick % Math.max(1, model.length)];
				if (name === "push" || item === undefined) {
					const fresh = { key, position: -1 };
					heap.push(fresh);
					model.push(fresh);
				} else if (name === "remove") {
					heap.remove(item);
					model.splice(model.indexOf(item), 1);
					expect(item.position).toBe(-1);
				} else {
					item.key = key;
					heap.update(item);
				}
				expect(heap.size).toBe(model.length);
				expect(heap.peek()?.key).toBe(model.length === 0 ? undefined : Math.min(...model.map((each) => each.key)));
				expect(heap.count((each) => each.key > 10)).toBe(model.filter((each) => each.key > 10).length);
			}
			const drained: number[] = [];
			for (let first = heap.peek(); first !== undefined; first = heap.peek()) {
				drained.push(first.key);
				heap.remove(first);
			}
			expect(drained).toEqual(model.map((each) => each.key).sort((left, right) => left - right));
		}),
	);
});
