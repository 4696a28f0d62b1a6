import { expect, test } from "vitest";
import { reportOf, reportOfLines } from "./recording.fixture.ts";

const warnings = [
	{
		level: "warning",
		code: "-Wint-conversion",
		file: "cart.c",
		line: 2,
		col: 38,
		message: "returning ‘char *’ from a function with return type ‘int’ makes integer from pointer without a cast",
	},
	{ level: "warning", code: "-Wunused-variable", file: "cart.c", line: 2, col: 23, message: "unused variable ‘unused’" },
];

test("gcc under make: errors and warnings with their places; that make stopped is no further error", () => {
	expect(reportOf("generic", "generic-make")).toEqual({
		failures: [],
		diagnostics: [
			...warnings,
			{ level: "error", file: "cart.h", line: 1, col: 35, message: "‘y’ undeclared (first use in this function)" },
			{ level: "error", file: "broken.c", line: 2, col: 10, message: "missing.h: No such file or directory" },
		],
		errors: 2,
		warnings: 2,
		leftOut: { failures: 0, diagnostics: {} },
		notes: [],
	});
});

test("gcc in colour reads the same", () => {
	expect(reportOf("generic", "generic-gcc-color").diagnostics).toEqual(warnings);
});

test.each(["generic-link", "generic-cmake-build"])("%s: a linker's undefined reference", (recording) => {
	expect(reportOf("generic", recording).diagnostics).toEqual([
		{ level: "error", file: "link.c", message: "undefined reference to `nowhere'" },
	]);
});

test("cmake's error has its place and its first sentence", () => {
	const [error] = reportOf("generic", "generic-cmake").diagnostics;
	expect(error).toMatchObject({ level: "error", file: "CMakeLists.txt", line: 3 });
	expect(error?.message).toMatch(/^By not providing "FindNowhere.cmake"/);
});

test("an exception of Python has the place of its last frame", () => {
	expect(reportOf("generic", "generic-python", { root: "/srv/dev/shop" }).diagnostics).toEqual([
		{ level: "error", code: "ZeroDivisionError", file: "crash.py", line: 2, message: "division by zero" },
	]);
});

test("an exception of Node has the place of its first frame", () => {
	expect(reportOf("generic", "generic-node").diagnostics).toEqual([
		{ level: "error", code: "TypeError", file: "[eval]", line: 1, col: 21, message: "x is not a thing" },
	]);
});

test.each([
	[
		"src/main.swift:3:14: error: cannot find 'x' in scope",
		{ file: "src/main.swift", line: 3, col: 14, message: "cannot find 'x' in scope" },
	],
	[
		'lint.py:5: error: Name "x" is not defined  [name-defined]',
		{ code: "name-defined", file: "lint.py", line: 5, message: 'Name "x" is not defined' },
	],
	["Program.cs(3,14): error CS1002: ; expected", { code: "CS1002", file: "Program.cs", line: 3, col: 14, message: "; expected" }],
	["sh: 1: webpack: not found", { message: "sh: 1: webpack: not found" }],
	["make: *** [Makefile:3: broken.o] Error 1", { file: "Makefile", line: 3, message: "Error 1" }],
	["fatal: not a git repository", { message: "not a git repository" }],
	["Segmentation fault (core dumped)", { message: "Segmentation fault (core dumped)" }],
	["thread 'main' panicked at src/main.rs:2:5:", { file: "src/main.rs", line: 2, col: 5, message: "" }],
])("%s", (line, expected) => {
	expect(reportOfLines("generic", [line]).diagnostics).toEqual([{ level: "error", ...expected }]);
});

test.each([
	"0 errors, 0 warnings",
	"error handling is tested in errors.test.ts",
	"Compiling error v1.0.0",
	"see https://example.org/error: more",
])("%s is no error", (line) => {
	expect(reportOfLines("generic", [line]).diagnostics).toEqual([]);
});
