import fc from "fast-check";
import { expect, test } from "vitest";
import { Bitset } from "./bitset.ts";

const numbers = fc.array(fc.nat(700), { maxLength: 80 });

test("two sets have in common what is in both, in order", () => {
	fc.assert(
		fc.property(numbers, numbers, numbers, (left, right, dropped) => {
			const [ours, theirs] = [new Bitset(), new Bitset()];
			for (const each of left) ours.add(each);
			for (const each of right) theirs.add(each);
			for (const each of dropped) ours.delete(each);
			const model = new Set(left.filter((each) => !dropped.includes(each)));
			expect(ours.size).toBe(model.size);
			expect(left.every((each) => ours.has(each) === model.has(each))).toBe(true);
			const common: number[] = [];
			for (let at = ours.nextCommon(theirs, 0); at >= 0; at = ours.nextCommon(theirs, at + 1)) common.push(at);
			expect(common).toEqual([...model].filter((each) => right.includes(each)).sort((one, other) => one - other));
		}),
	);
});

test("nothing is in an empty set", () => {
	const empty = new Bitset();
	expect(empty.has(100_000)).toBe(false);
	expect(empty.nextCommon(empty, 5)).toBe(-1);
});
