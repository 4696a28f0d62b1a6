import { Collector } from "./collect.ts";
import { placeOf } from "./place.ts";
import type { Diagnostic, Report, ReportOptions, ToolParser } from "./report.ts";

/** Reads `ruff check` and `ruff format --check`: the full format (head, place, source, help) and the concise one, a line each. */
export class RuffParser implements ToolParser {
	recognised = false;
	readonly #found: Collector;
	#open: Diagnostic | undefined;
	/** Ruff told a sum: what was seen is all there is. */
	#isComplete = false;

	constructor(options: ReportOptions = {}) {
		this.#found = new Collector(options);
	}

	line(text: string): void {
		const first = text.charCodeAt(0);
		if (first === space) this.#place(text);
		else if (first > space) this.#head(text);
	}

	end(): Report {
		this.#close();
		return this.#found.report(this.#isComplete ? { errors: this.#found.count("error") } : {});
	}

	#head(text: string): void {
		const concise = /^(\S.*?\.(?:pyi?|ipynb|toml)):(\d+):(\d+): ([A-Z]+\d+|[a-z]+-[a-z-]+|unformatted):? (?:\[\*\] )?(.+)$/.exec(text);
		const full = /^([A-Z]{1,5}\d{2,5}|invalid-syntax|unformatted):? (?:\[[*-]\] )?(.+)$/.exec(text);
		if (concise) {
			const [, file, line, col, code, message] = concise;
			this.#found.diagnose({ level: "error", code: code!, ...placeOf(file!, line, col), message: message! });
			this.recognised = true;
		} else if (full) {
			this.#close();
			this.#open = { level: "error", code: full[1]!, message: full[2]! };
		} else if (/^Found \d+ errors?\b.*\.$/.test(text)) this.#isComplete = true;
		else if (text === "All checks passed!") {
			this.recognised = this.#isComplete = true;
		} else if (text.startsWith("Would reformat: ")) {
			this.#found.diagnose({
				level: "error",
				code: "unformatted",
				file: text.slice("Would reformat: ".length),
				message: "File would be reformatted",
			});
			this.recognised = true;
		} else if (this.#open && text.startsWith("help: ")) this.#open = { ...this.#open, suggestion: text.slice("help: ".length) };
	}

	/** ` --> lint.py:1:8` */
	#place(text: string): void {
		const found = this.#open && this.#open.file === undefined ? /^ +--> (.+?):(\d+):(\d+)$/.exec(text) : null;
		if (!found || !this.#open) return;
		this.recognised = true;
		this.#open = { ...this.#open, ...placeOf(found[1]!, found[2], found[3]) };
	}

	/** A head without a place was some other line. */
	#close(): void {
		if (this.#open?.file !== undefined) this.#found.diagnose(this.#open);
		this.#open = undefined;
	}
}

const space = 32;
