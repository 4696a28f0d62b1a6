import { randomBytes } from "node:crypto";
import { expect, test } from "vitest";
import { createIdentifier, pooled } from "./identifier.ts";

test("identifiers sort by time and differ within it", () => {
	const chance = pooled(randomBytes);
	const made = [1, 1, 2, 2 ** 41].map((now) => createIdentifier(now, chance));
	expect(made.map((identifier) => identifier.slice(0, 10))).toEqual(made.map((identifier) => identifier.slice(0, 10)).sort());
	expect(new Set(made).size).toBe(4);
	for (const identifier of made) expect(identifier).toMatch(/^[0-9a-hjkmnp-tv-z]{26}$/);
});

test("pooled chance is given out once, and asked for again when it is used up or too little", () => {
	let asked = 0;
	const count = (length: number) => Uint8Array.from({ length }, () => asked++);
	const chance = pooled(count, 8);
	expect([3, 3, 3, 10].map((length) => [...chance(length)])).toEqual([
		[0, 1, 2],
		[3, 4, 5],
		[8, 9, 10],
		[16, 17, 18, 19, 20, 21, 22, 23, 24, 25],
	]);
});
