import { expect, test } from "vitest";
import { z } from "zod";
import { argumentsOf } from "./arguments.ts";

const schema = argumentsOf({
	command: z.string().min(1).max(5),
	seconds: z.int().min(1).max(10).optional(),
	features: z.array(z.string()).max(1).optional(),
	fix: z.boolean().optional(),
});

const refusal = async (given: unknown): Promise<string[]> =>
	((await schema["~standard"].validate(given)).issues ?? []).map(({ path, message }) => `${path?.join(".")}: ${message}`);

test.each([
	[{}, "command: is missing; it has to be text"],
	[{ command: 7 }, "command: has to be text, and is 7"],
	[{ command: "" }, "command: must not be empty"],
	[{ command: "abcdef" }, "command: has to have at most 5 characters, and has 6"],
	[{ command: "a", seconds: 0 }, "seconds: has to be at least 1, and is 0"],
	[{ command: "a", seconds: 11 }, "seconds: has to be at most 10, and is 11"],
	[{ command: "a", seconds: 1.5 }, "seconds: has to be a whole number, and is 1.5"],
	[{ command: "a", seconds: "5" }, 'seconds: has to be a number, and is "5"'],
	[{ command: "a", features: ["a", "b"] }, "features: has to have at most 1 entries, and has 2"],
	[{ command: "a", fix: "yes" }, 'fix: has to be true or false, and is "yes"'],
	[{ command: "a", filters: 1 }, ': there is no argument "filters"; the tool takes command, seconds, features, fix'],
	["x".repeat(500), `: has to be an object, and is "${"x".repeat(79)}…`],
])("%j is refused in a sentence", async (given, sentence) => {
	expect(await refusal(given)).toEqual([sentence]);
});

test("what is allowed is taken, and told as a JSON schema", async () => {
	expect(await schema["~standard"].validate({ command: "a", fix: true })).toEqual({ value: { command: "a", fix: true } });
	expect(schema["~standard"].jsonSchema.input({ target: "draft-2020-12" })).toMatchObject({
		type: "object",
		required: ["command"],
		additionalProperties: false,
	});
});
