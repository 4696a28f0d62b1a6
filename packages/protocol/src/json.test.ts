import { expect, test } from "vitest";
import { z } from "zod";
import { Json } from "./json.ts";
import { wireLimits } from "./limits.ts";

const nested = (depth: number): unknown => JSON.parse("[".repeat(depth) + "]".repeat(depth));

test.each([null, false, 0, "", [], {}, { a: [1, { b: null }] }])("takes %j as it is", (value) => {
	expect(Json.parse(value)).toEqual(value);
});

test("a value that is missing is none", () => {
	expect(z.object({ payload: Json }).safeParse({}).success).toBe(false);
});

test("what is nested too deeply is refused, in arrays and objects", () => {
	expect(Json.safeParse(nested(wireLimits.jsonDepthMax)).success).toBe(true);
	for (const value of [nested(wireLimits.jsonDepthMax + 1), { a: { b: nested(wireLimits.jsonDepthMax) } }, nested(100_000)])
		expect(Json.safeParse(value).success).toBe(false);
});
