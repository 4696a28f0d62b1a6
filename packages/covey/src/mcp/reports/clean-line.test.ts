import fc from "fast-check";
import { expect, test } from "vitest";
import { cleanLine } from "./clean-line.ts";
import { reportLimits } from "./report.ts";

test.each([
	["plain text stays", "warning: `é` → ✓ 日本 👍🏽 👨‍👩‍👧\tend", "warning: `é` → ✓ 日本 👍🏽 👨‍👩‍👧\tend"],
	["colours go", "\u001b[1;31merror\u001b[0m: \u001b[38;5;12mno\u001b[m", "error: no"],
	["a colon-separated colour goes", "\u001b[38:2::255:0:0mred\u001b[0m", "red"],
	["cursor movement and clearing go", "\u001b[2K\u001b[1Gdone\u001b[K", "done"],
	["a title goes", "\u001b]0;owned\u0007text", "text"],
	["a hyperlink leaves its text", "\u001b]8;;https://example.org\u001b\\link\u001b]8;;\u001b\\", "link"],
	["the C1 forms go", "\u009b31mred\u009b0m \u009d0;owned\u009ctext", "red text"],
	["an unfinished title takes the rest of the line", "a\u001b]0;owned", "a"],
	["a device control string goes", "a\u001bP+q544e\u001b\\b", "ab"],
	["an escape alone goes", "a\u001b", "a"],
	["an unfinished sequence goes", "a\u001b[31", "a"],
	["a charset switch goes", "\u001b(Bplain", "plain"],
	["of a progress bar the last paint stays", "10%\r50%\r100% done", "100% done"],
	["a shorter paint leaves what it does not cover", "abcdef\rxy", "xycdef"],
	["the carriage return of Windows goes", "line\r", "line"],
	["a backspace takes a character", "ab\bc", "ac"],
	["other control characters go", "a\u0000b\u0007c\u007fd\u0085e", "abcde"],
	["an override of direction is made visible", "safe\u202egnp.exe", "safe<U+202E>gnp.exe"],
	["isolates and marks are made visible", "a\u2066b\u2069c\u200f", "a<U+2066>b<U+2069>c<U+200F>"],
	["zero width is made visible", "pass\u200bword\ufeff", "pass<U+200B>word<U+FEFF>"],
	["a joiner that joins no emoji is made visible", "a\u200db", "a<U+200D>b"],
	["tags are made visible", "x\u{e0041}", "x<U+E0041>"],
	["half a surrogate pair is made visible", "x\ud83d", "x<U+D83D>"],
	["line separators are made visible", "a\u2028b", "a<U+2028>b"],
])("%s", (_, raw, shown) => {
	expect(cleanLine(raw)).toBe(shown);
});

test("a line over the limit is cut, and says so", () => {
	const line = cleanLine("x".repeat(reportLimits.lineCharsMax + 1));
	expect(line).toBe(`${"x".repeat(reportLimits.lineCharsMax)}…`);
});

test("whatever comes, nothing is left that a terminal would obey, and cleaning twice changes nothing", () => {
	const piece = fc.oneof(
		fc.constantFrom("\u001b[", "\u001b]8;;", "\u001b\\", "\u0007", "\r", "\b", "\u009b", "\u202e", "31m", "\ud83d"),
		fc.string({ unit: "binary" }),
	);
	fc.assert(
		fc.property(fc.array(piece), (pieces) => {
			const line = cleanLine(pieces.join(""));
			expect(line).not.toMatch(/[\u0000-\u0008\u000a-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069\u200b]/);
			expect(cleanLine(line)).toBe(line);
		}),
	);
});
