import type { Collector } from "./collect.ts";
import { type Fields, fieldsOf, itemsOf, numberOf, readJson, textOf } from "./json.ts";
import type { Diagnostic } from "./report.ts";
import { RustcText } from "./rustc-text.ts";

/** Reads the lines of `cargo build|clippy|test --message-format=json` (The Cargo Book, "External tools"). */
export class CargoJson {
	readonly #found: Collector;
	/** `build-finished` came: from then on the counts are known. */
	isComplete = false;

	constructor(found: Collector) {
		this.#found = found;
	}

	line(text: string): void {
		if (text.startsWith(messageStart)) this.#message(text);
		else if (text.startsWith(`{"reason":"build-finished"`)) this.isComplete = true;
	}

	#message(text: string): void {
		const message = fieldsOf(fieldsOf(readJson(text)).message);
		const diagnostic = diagnosticOf(message);
		if (diagnostic) this.#found.diagnose(diagnostic);
		else if (textOf(message.level) === undefined) this.#cutMessage(text);
	}

	/** A line over the limit is no JSON any more, but what a person would read stands near its start. */
	#cutMessage(text: string): void {
		const reader = new RustcText(this.#found);
		for (const line of renderedOf(text)?.split("\n", renderedLinesMax) ?? []) reader.line(line);
		reader.end();
	}
}

export const isCargoJson = (text: string): boolean => text.startsWith(`{"reason":"`);

/** The text for people in a line of JSON; undefined for a line that says nothing to them. */
export function renderedOf(text: string): string | undefined {
	if (!text.startsWith(messageStart)) return undefined;
	const quoted = /"rendered":("[^"\\]*(?:\\.[^"\\]*)*)/.exec(text)?.[1];
	const rendered = quoted === undefined ? undefined : textOf(readJson(`${quoted}"`));
	return rendered?.trimEnd();
}

const messageStart = `{"reason":"compiler-message"`;
const renderedLinesMax = 100;

function diagnosticOf(message: Fields): Diagnostic | undefined {
	const level = textOf(message.level);
	const text = textOf(message.message);
	const isError = level?.startsWith("error") === true;
	if (text === undefined || !(isError || level === "warning") || /^aborting due to|^\d+ warnings? emitted$/.test(text)) return undefined;
	const span = itemsOf(message.spans)
		.map(fieldsOf)
		.find((one) => one.is_primary === true);
	const code = textOf(fieldsOf(message.code).code);
	const suggestion = suggestionOf(message);
	return {
		level: isError ? "error" : "warning",
		message: text,
		...(code !== undefined && { code }),
		...placeOfSpan(span),
		...(suggestion && { suggestion }),
	};
}

/** Code that a macro of the language wrote is placed where the macro is called. */
function placeOfSpan(span: Fields | undefined): Pick<Diagnostic, "file" | "line" | "col"> {
	for (let depth = 0; span !== undefined && depth < expansionsMax; depth += 1) {
		const file = textOf(span.file_name);
		const line = numberOf(span.line_start);
		const col = numberOf(span.column_start);
		const outer = fieldsOf(span.expansion).span;
		if (file !== undefined && !/^(\/rustc\/|<)/.test(file))
			return { file, ...(line !== undefined && { line }), ...(col !== undefined && { col }) };
		span = outer === undefined ? undefined : fieldsOf(outer);
	}
	return {};
}

const expansionsMax = 10;

/** The first help that comes with code: "remove `return`: total". */
function suggestionOf(message: Fields): string | undefined {
	for (const child of itemsOf(message.children).map(fieldsOf)) {
		const replacement = itemsOf(child.spans)
			.map((span) => textOf(fieldsOf(span).suggested_replacement))
			.find((text) => text !== undefined);
		if (replacement === undefined) continue;
		const help = textOf(child.message) ?? "";
		return replacement.trim() === "" ? help : `${help}: ${replacement.trim()}`;
	}
	return undefined;
}
