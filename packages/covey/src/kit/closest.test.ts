import { expect, test } from "vitest";
import { closest } from "./closest.ts";

test("a slip of the fingers finds the word that was meant", () => {
	const known = ["run", "status", "workers", "token create"];
	expect(["rnu", "stauts", "worker", "token craete", "stat"].map((typed) => closest(typed, known))).toEqual([
		"run",
		"status",
		"workers",
		"token create",
		"status",
	]);
});

test("a word that is like none gets no suggestion", () => {
	expect(closest("deploy", ["run", "status", "workers"])).toBeUndefined();
});
