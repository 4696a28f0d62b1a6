import { expect, test } from "vitest";
import { reportOf, reportOfLines } from "./recording.fixture.ts";

test.each(["tsc-plain", "tsc-pretty"])("%s: each error with its code, its place and its reasons", (recording) => {
	expect(reportOf("tsc", recording)).toEqual({
		failures: [],
		diagnostics: [
			{
				level: "error",
				code: "TS2834",
				file: "lint/cart.ts",
				line: 1,
				col: 25,
				message:
					"Relative import paths need explicit file extensions in ECMAScript imports when '--moduleResolution' is 'node16' or 'nodenext'. Consider adding an extension to the import path.",
			},
			{
				level: "error",
				code: "TS2367",
				file: "lint/cart.ts",
				line: 7,
				col: 6,
				message: "This comparison appears to be unintentional because the types 'number' and 'string' have no overlap.",
			},
			{
				level: "error",
				code: "TS2322",
				file: "lint/cart.ts",
				line: 8,
				col: 2,
				message: "Type 'number' is not assignable to type 'string'.",
			},
			{
				level: "error",
				code: "TS2322",
				file: "lint/cart.ts",
				line: 10,
				col: 14,
				message: `Type 'Promise<{ a: string; b: number; }>' is not assignable to type 'Promise<{ a: number; b: string; }>'.
  Type '{ a: string; b: number; }' is not assignable to type '{ a: number; b: string; }'.
    Types of property 'a' are incompatible.
      Type 'string' is not assignable to type 'number'.`,
			},
		],
		errors: 4,
		leftOut: { failures: 0, diagnostics: {} },
		notes: [],
	});
});

test("an error of the configuration has no place", () => {
	expect(reportOf("tsc", "tsc-missing").diagnostics).toEqual([
		{ level: "error", code: "TS5058", message: "The specified path does not exist: 'nowhere.json'." },
	]);
});

test("a compiler that says nothing leaves the count of errors unknown", () => {
	expect(reportOfLines("tsc", [])).not.toHaveProperty("errors");
});
