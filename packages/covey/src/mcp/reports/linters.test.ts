import { expect, test } from "vitest";
import { linesOf, reportOf, reportOfLines } from "./recording.fixture.ts";

const root = "/srv/dev/shop";
const clean = { failures: [], diagnostics: [], leftOut: { failures: 0, diagnostics: {} }, notes: [] };

test.each(["eslint-stylish", "eslint-color"])("%s: each problem with its rule, and the counts of the last line", (recording) => {
	const file = "lint/cart.ts";
	expect(reportOf("eslint", recording, { root })).toEqual({
		...clean,
		diagnostics: [
			{ level: "error", file: "lint/bad.ts", line: 1, col: 10, message: "Parsing error: Expression expected" },
			{ level: "error", code: "@typescript-eslint/no-unused-vars", file, line: 1, col: 10, message: "'nothing' is defined but never used" },
			{
				level: "error",
				code: "@typescript-eslint/no-unused-vars",
				file,
				line: 2,
				col: 7,
				message: "'unused' is assigned a value but never used",
			},
			{ level: "warning", code: "no-var", file, line: 3, col: 1, message: "Unexpected var, use let or const instead" },
			{
				level: "error",
				code: "@typescript-eslint/no-unused-vars",
				file,
				line: 3,
				col: 5,
				message: "'old' is assigned a value but never used",
			},
			{ level: "error", code: "eqeqeq", file, line: 7, col: 10, message: "Expected '===' and instead saw '=='" },
			{ level: "error", code: "no-debugger", file, line: 7, col: 18, message: "Unexpected 'debugger' statement" },
		],
		errors: 6,
		warnings: 1,
	});
});

test("eslint's JSON says the same, with what to write instead", () => {
	const { diagnostics, errors, warnings } = reportOf("eslint", "eslint-json", { root });
	expect({ errors, warnings }).toEqual({ errors: 6, warnings: 1 });
	expect(diagnostics[5]).toEqual({
		level: "error",
		code: "eqeqeq",
		file: "lint/cart.ts",
		line: 7,
		col: 10,
		message: "Expected '===' and instead saw '=='.",
		suggestion: "Use '===' instead of '=='.",
	});
});

test("eslint's JSON that was cut is said, and counts nothing", () => {
	const [json = ""] = linesOf("eslint-json");
	const report = reportOfLines("eslint", [json.slice(0, -10)]);
	expect(report).toEqual({ ...clean, notes: ["the JSON of eslint is longer than a line may be, and was not read"] });
});

test("eslint that finds no files says why", () => {
	expect(reportOf("eslint", "eslint-none").diagnostics).toEqual([
		{ level: "error", message: 'No files matching the pattern "nowhere" were found.' },
	]);
});

test("biome: errors and warnings with rule, place and fix; the counts are Biome's own", () => {
	const { diagnostics, errors, warnings } = reportOf("biome", "biome-check");
	expect({ errors, warnings }).toEqual({ errors: 6, warnings: 4 });
	expect(diagnostics).toHaveLength(10);
	expect(diagnostics.slice(3, 6)).toEqual([
		{
			level: "warning",
			code: "lint/correctness/noUnusedVariables",
			file: "lint/cart.ts",
			line: 3,
			col: 5,
			message: "This variable old is unused.",
			suggestion: "If this is intentional, prepend old with an underscore.",
		},
		{
			level: "error",
			code: "parse",
			file: "lint/bad.ts",
			line: 1,
			col: 11,
			message: "Expected an expression, or an assignment but instead found ';'.",
		},
		{
			level: "error",
			code: "format",
			file: "lint/bad.ts",
			message: "Code formatting aborted due to parsing errors. To format code with errors, enable the 'formatter.formatWithErrors' option.",
		},
	]);
});

test("biome in colour has other marks, and reads the same", () => {
	const { diagnostics, errors, warnings } = reportOf("biome", "biome-color");
	expect({ errors, warnings }).toEqual({ errors: 2, warnings: 1 });
	expect(diagnostics).toEqual(reportOf("biome", "biome-check").diagnostics.filter(({ file }) => file === "lint/bad.ts"));
});

test("biome that finds nothing knows that there is nothing", () => {
	expect(reportOf("biome", "biome-clean")).toEqual({ ...clean, errors: 0, warnings: 0 });
});

test("biome that hides diagnostics says how many (text of its documentation)", () => {
	const lines = [
		"The number of diagnostics exceeds the limit allowed. Use --max-diagnostics to increase it.",
		"Diagnostics not shown: 61.",
		"Checked 22 files in 361ms. Fixed 9 files.",
		"Found 57 errors.",
	];
	const report = reportOfLines("biome", lines);
	expect(report.errors).toBe(57);
	expect(report.notes).toEqual(["biome itself did not show 61 diagnostics"]);
});

test("ruff, full and concise: the same findings; the full format tells what helps", () => {
	const [full, concise] = [reportOf("ruff", "ruff-full"), reportOf("ruff", "ruff-concise")];
	expect([full.errors, concise.errors]).toEqual([11, 11]);
	expect(full.diagnostics.map((one) => ({ ...one, suggestion: undefined }))).toEqual(concise.diagnostics);
	expect(full.diagnostics[7]).toEqual({
		level: "error",
		code: "F841",
		file: "lint.py",
		line: 3,
		col: 5,
		message: "Local variable `y` is assigned to but never used",
		suggestion: "Remove assignment to unused variable `y`",
	});
	expect(full.diagnostics[3]).toEqual({
		level: "error",
		code: "invalid-syntax",
		file: "broken/test_syntax.py",
		line: 1,
		col: 13,
		message: "Expected `)`, found newline",
	});
});

test("ruff that finds nothing knows that there is nothing", () => {
	expect(reportOf("ruff", "ruff-clean")).toEqual({ ...clean, errors: 0 });
});

test("eslint's unix format (text of its documentation)", () => {
	const lines = [
		"/srv/dev/shop/a.js:1:10: Unexpected var. [Warning/no-var]",
		"/srv/dev/shop/b.js:2:1: Parsing error: no [Error]",
		"",
		"2 problems",
	];
	expect(reportOfLines("eslint", lines, { root }).diagnostics).toEqual([
		{ level: "warning", code: "no-var", file: "a.js", line: 1, col: 10, message: "Unexpected var." },
		{ level: "error", file: "b.js", line: 2, col: 1, message: "Parsing error: no" },
	]);
});

test("ruff format --check tells the files that it would change", () => {
	const { diagnostics } = reportOf("ruff", "ruff-format");
	expect(diagnostics.map(({ code, file }) => `${code} ${file}`)).toEqual([
		"unformatted broken/test_import.py",
		"invalid-syntax broken/test_syntax.py",
		"unformatted lint.py",
		"unformatted tests/test_price.py",
	]);
	expect(reportOfLines("ruff", ["Would reformat: lint.py", "1 file would be reformatted"]).diagnostics).toEqual([
		{ level: "error", code: "unformatted", file: "lint.py", message: "File would be reformatted" },
	]);
});
