import { expect, test } from "vitest";
import { amountOf, plural, wholeOf } from "./amounts.ts";

test("the amount before a word, zero when there is none, and none that no count can be", () => {
	expect(amountOf("3 failed | 12 passed (15)", "failed")).toBe(3);
	expect(amountOf("3 failed | 12 passed (15)", "passed")).toBe(12);
	expect(amountOf("no tests", "passed")).toBe(0);
	expect(amountOf("9999999999 passed", "passed")).toBe(0);
	expect(wholeOf(undefined)).toBe(0);
	expect(wholeOf("1e3".repeat(9))).toBe(0);
});

test("one is singular, none and many are plural", () => {
	expect([0, 1, 2].map((amount) => plural(amount, "test"))).toEqual(["0 tests", "1 test", "2 tests"]);
});
