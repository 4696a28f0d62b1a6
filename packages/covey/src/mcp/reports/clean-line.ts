import { reportLimits } from "./report.ts";

/**
 * A line of a stranger's output as a person would see it, and nothing else: without terminal sequences, with what a
 * progress bar left standing, and every character that could move, hide or reorder text made visible. Over
 * `reportLimits.lineCharsMax` it is cut.
 */
export function cleanLine(raw: string): string {
	const line = raw.length > reportLimits.lineCharsMax ? `${raw.slice(0, reportLimits.lineCharsMax)}…` : raw;
	if (!suspicious.test(line)) return line;
	return visiblePaint(line.replace(sequences, "")).replace(controls, "").replace(trickery, named);
}

/** A cheap test that almost every line passes: nothing but tabs and what is printed. */
const suspicious = /[^\t -~\u00a0-\u00ac\u00ae-\u0600\u2100-\u2dff\u3000-\ud7ff]/;

/**
 * Terminal sequences (ECMA-48 and xterm): CSI; OSC, DCS, SOS, PM and APC strings with their terminator, or to the end of
 * the line when it is missing; and escapes of two or three characters. Their C1 forms of one character count, too.
 */
const sequences =
	/(?:\u001b\[|\u009b)[0-?]*[ -/]*[@-~]?|(?:\u001b[\]PX^_]|[\u009d\u0090\u0098\u009e\u009f])[^\u0007\u001b\u009c]*(?:\u0007|\u001b\\|\u009c|$)|\u001b[ -/]*[0-~]?/g;

/** What a terminal shows after carriage returns and backspaces: of each paint what the later ones do not cover. */
function visiblePaint(text: string): string {
	const flat = text.includes("\b") ? text.replace(/[^\b\r]\u0008/g, "") : text;
	if (!flat.includes("\r")) return flat;
	let shown = "";
	for (const paint of flat.split("\r").reverse()) shown += paint.slice(shown.length);
	return shown.trimEnd();
}

/** C0 but for the tab, DEL and C1. */
const controls = /[\u0000-\u0008\u000a-\u001f\u007f-\u009f]/g;

/**
 * Characters without a glyph of their own that change what is read: soft hyphen, zero-width, bidirectional marks,
 * embeddings, overrides and isolates, line separators, invisible operators, the byte order mark, tags, and halves of a
 * surrogate pair. The zero-width joiner stays where it joins emoji.
 */
const trickery =
	/\u034f|\u17b4|\u17b5|[\u00ad\u061c\u115f\u1160\u180e\u200b\u200c\u200e\u200f\u2028-\u202e\u2060-\u206f\u3164\ufeff\uffa0\ufff9-\ufffb]|(?<!\p{Extended_Pictographic}\ufe0f?)\u200d|\u200d(?!\p{Extended_Pictographic})|[\u{e0000}-\u{e0fff}]|\p{Surrogate}/gu;

/** U+202E is written "<U+202E>". */
function named(character: string): string {
	return `<U+${character.codePointAt(0)!.toString(16).toUpperCase().padStart(4, "0")}>`;
}
