import { stripVTControlCharacters } from "node:util";

/** Columns as wide as their widest cell. The last one may wrap, and is left out when nothing stands in it; cells are made `plain` before. */
export function renderTable(titles: readonly string[], rows: readonly (readonly string[])[], bold: (text: string) => string): string {
	const last = titles.length - 1;
	const head = rows.every((row) => (row[last] ?? "") === "") ? titles.slice(0, last) : titles;
	const widths = head.map((title, column) => Math.max(title.length, ...rows.map((row) => visibleLength(row[column] ?? ""))));
	const line = (cells: readonly string[]) =>
		cells
			.slice(0, head.length)
			.map((cell, column) => (column === head.length - 1 ? cell : cell + " ".repeat((widths[column] as number) - visibleLength(cell))))
			.join("  ")
			.trimEnd();
	return [bold(line(head)), ...rows.map(line)].join("\n");
}

const visibleLength = (text: string): number => [...stripVTControlCharacters(text)].length;

/** One line of text from elsewhere, safe to show: a title may hold anything, escape sequences and bidirectional controls too. */
export function plain(text: string, lengthMax = 60): string {
	const line = harmless(text).replace(/[\n\t]/g, " ");
	return line.length > lengthMax ? `${line.slice(0, lengthMax - 1)}…` : line;
}

/** The same, of any length and with its line breaks. */
export function harmless(text: string): string {
	return text.replace(/[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/g, "\ufffd");
}

/** How long ago, in the one unit that matters. */
export function ago(at: number, now: number): string {
	const seconds = Math.max(0, Math.floor((now - at) / 1000));
	if (seconds < 60) return `${seconds} s ago`;
	if (seconds < 3600) return `${Math.floor(seconds / 60)} m ago`;
	if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h ago`;
	return `${Math.floor(seconds / 86_400)} d ago`;
}

/** Lines that are longer than a terminal is wide, broken between words. Shorter ones stay as they are, with their spaces. */
export function folded(text: string, width = 80): string {
	const fold = (line: string): string => {
		const cut = line.lastIndexOf(" ", width);
		return line.length <= width || cut <= 0 ? line : `${line.slice(0, cut)}\n${fold(line.slice(cut + 1))}`;
	};
	return text.split("\n").map(fold).join("\n");
}
