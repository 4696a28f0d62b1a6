import { readdirSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { isParserName, type ParserName, parserNames } from "./parser-names.ts";
import { createParser } from "./parsers.ts";
import { linesOf, reportOfLines } from "./recording.fixture.ts";
import { type Report, reportLimits } from "./report.ts";

const recordings = readdirSync(new URL("fixtures/", import.meta.url))
	.filter((name) => name.endsWith(".log"))
	.map((name) => linesOf(name.slice(0, -".log".length)));

/** Starts of lines that move the parsers from state to state. */
const marks = [...new Set(recordings.flat().map((line) => line.slice(0, 24)))];

const line = fc.oneof(
	fc.string({ unit: "binary" }),
	fc.constantFrom(...marks),
	fc.tuple(fc.constantFrom(...marks), fc.string()).map(([mark, rest]) => mark + rest),
	fc.constantFrom(...recordings.flat()),
);

/** A real log, cut, with lines gone, doubled, moved and replaced. */
const mutatedLog = fc
	.tuple(
		fc.constantFrom(...recordings),
		fc.array(fc.tuple(fc.constantFrom("drop", "double", "replace", "cut", "inflate"), fc.nat(), line), { maxLength: 8 }),
	)
	.map(([lines, changes]) => {
		const log = [...lines];
		for (const [change, where, other] of changes) {
			const at = where % Math.max(log.length, 1);
			if (change === "drop") log.splice(at, 1 + (where % 7));
			if (change === "double") log.splice(at, 0, log[at] ?? "");
			if (change === "replace") log.splice(at, 1, other);
			if (change === "inflate") log[at] = log[at]?.replace(/\d+/g, "9".repeat(30)) ?? "";
			if (change === "cut") log[at] = log[at]?.slice(0, where % 40) ?? "";
		}
		return log;
	});

describe.each(parserNames)("%s", (name) => {
	test("never throws, and keeps its limits, whatever the lines", () => {
		fc.assert(
			fc.property(fc.array(line, { maxLength: 40 }), (lines) => {
				expectSound(reportOfLines(name, lines));
			}),
		);
	});

	test("never throws, and keeps its limits, over real logs that were tampered with", () => {
		fc.assert(
			fc.property(mutatedLog, (lines) => {
				expectSound(reportOfLines(name, lines));
			}),
		);
	});

	test("an empty log is an empty report: nothing is known, and nothing is zero", () => {
		expect(reportOfLines(name, [])).toEqual({ failures: [], diagnostics: [], leftOut: { failures: 0, diagnostics: {} }, notes: [] });
	});

	test("what people read of a line is text or nothing", () => {
		fc.assert(
			fc.property(line, (text) => {
				expect(["string", "undefined"]).toContain(typeof createParser(name).readable?.(text));
			}),
		);
	});
});

/** What holds of any report. */
function expectSound(report: Report): void {
	expect(report.failures.length).toBeLessThanOrEqual(reportLimits.failuresMax);
	expect(report.diagnostics.length).toBeLessThanOrEqual(reportLimits.diagnosticsMax);
	for (const { message } of [...report.failures, ...report.diagnostics])
		expect(message.length).toBeLessThanOrEqual(reportLimits.messageCharsMax);
	const { passed = 0, failed = 0, ignored = 0 } = report.tests ?? {};
	const counts = [
		passed,
		failed,
		ignored,
		report.errors ?? 0,
		report.warnings ?? 0,
		report.leftOut.failures,
		...Object.values(report.leftOut.diagnostics),
	];
	for (const count of counts) expect(Number.isSafeInteger(count) && count >= 0, `a count is ${count}`).toBe(true);
	expect(JSON.parse(JSON.stringify(report))).toEqual(report);
}

test.each<[ParserName, (nth: number) => string[]]>([
	["cargo", (nth) => [`error[E0425]: cannot find value \`x${nth}\` in this scope`, ` --> src/lib.rs:${nth}:1`, ""]],
	["tsc", (nth) => [`src/a.ts(${nth},1): error TS2304: Cannot find name 'x${nth}'.`]],
	["generic", (nth) => [`src/a.c:${nth}:1: error: x${nth} undeclared`]],
])("%s: of ten thousand errors the first hundred are told, and the others are counted by code", (name, linesFor) => {
	const report = reportOfLines(name, Array.from({ length: 10_000 }, (_, nth) => linesFor(nth + 1)).flat());
	expect(report.errors).toBe(10_000);
	expect(report.diagnostics).toHaveLength(reportLimits.diagnosticsMax);
	expect(Object.values(report.leftOut.diagnostics)).toEqual([9900]);
});

test("a line that is too long to be a message is read at its start", () => {
	const report = reportOfLines("generic", [`src/a.c:1:1: error: ${"x".repeat(100_000)}`]);
	expect(report.diagnostics[0]?.message.length).toBeLessThan(reportLimits.textCharsMax);
});

test("a name from a stranger is a parser's name only if it is one", () => {
	expect(parserNames.every(isParserName)).toBe(true);
	expect(["toString", "", "Cargo", 3, null, undefined].some(isParserName)).toBe(false);
});

test("text that comes as JSON is cleaned after it was decoded", () => {
	const trick = "\u001b[31mred\u001b[0m\u202e";
	const message = {
		level: "error",
		message: trick,
		rendered: `${trick}\n`,
		spans: [{ is_primary: true, file_name: `${trick}.rs`, line_start: 1 }],
	};
	const cargo = createParser("cargo");
	const line = JSON.stringify({ reason: "compiler-message", message });
	cargo.line(line, "stdout");
	expect(cargo.end().diagnostics).toEqual([{ level: "error", file: "red<U+202E>.rs", line: 1, message: "red<U+202E>" }]);
	expect(cargo.readable?.(line)).toBe("red<U+202E>");
	expect(createParser("go").readable?.(JSON.stringify({ Action: "output", Output: `${trick}\n` }))).toBe("red<U+202E>");
	const eslint = JSON.stringify([{ filePath: "a.js", messages: [{ severity: 2, message: trick }] }]);
	expect(reportOfLines("eslint", [eslint]).diagnostics).toEqual([{ level: "error", file: "a.js", message: "red<U+202E>" }]);
});
