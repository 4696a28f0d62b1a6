import { expect, test } from "vitest";
import { readSources, withoutComments } from "../architecture/sources.ts";
import { requirements } from "./requirements.ts";

test("every requirement is verified by a test", () => {
	const verified = readSources("tests/e2e")
		.filter(({ path }) => path.endsWith(".test.ts"))
		.flatMap(({ text }) => [...withoutComments(text).matchAll(/\bverifies\(([^)]*)\)/g)])
		.flatMap(([, ids]) => [...ids!.matchAll(/"([^"]+)"/g)].map(([, id]) => id));
	expect(Object.keys(requirements).filter((id) => !verified.includes(id))).toEqual([]);
});
