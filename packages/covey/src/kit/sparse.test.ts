import { expect, test } from "vitest";
import { Sparse } from "./sparse.ts";

test("one of each source passes in a time, and tells how many did not", () => {
	let now = 0;
	const sparse = new Sparse({ now: () => now, everyMs: 1000, sourcesMax: 10 });
	expect([sparse.pass("a"), sparse.pass("a"), sparse.pass("b"), sparse.pass("a")]).toEqual([0, undefined, 0, undefined]);
	now = 1000;
	expect([sparse.pass("a"), sparse.pass("a"), sparse.pass("b")]).toEqual([2, undefined, 0]);
});

test("of too many sources, the one that passed longest ago is forgotten", () => {
	const sparse = new Sparse({ now: () => 0, everyMs: 1000, sourcesMax: 2 });
	for (const source of ["a", "b", "c"]) sparse.pass(source);
	expect([sparse.pass("c"), sparse.pass("b"), sparse.pass("a")]).toEqual([undefined, undefined, 0]);
});
