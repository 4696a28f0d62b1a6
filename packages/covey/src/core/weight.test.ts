import { expect, test } from "vitest";
import { weightOf } from "./weight.ts";

test.each([
	["a long string", "x".repeat(5000)],
	["long names", { ["x".repeat(5000)]: 1 }],
	["many small values", Array(1000).fill([null, true, 12])],
	["what lies deep", { payload: { command: ["sh", "-c", "x".repeat(5000)], environment: { A: "é".repeat(500) } } }],
])("%s weighs about what its JSON is long", (_title, value) => {
	const { length } = JSON.stringify(value);
	expect(weightOf(value) / length).toBeGreaterThan(0.8);
	expect(weightOf(value) / length).toBeLessThan(1.3);
});
