import { plural, wholeOf } from "./amounts.ts";
import { Collector } from "./collect.ts";
import { endsInTheMiddle } from "./nothing-ran.ts";
import { type Place, placeOf } from "./place.ts";
import type { Diagnostic, Report, ReportOptions, ToolParser } from "./report.ts";

/**
 * Reads the text of Biome. Each diagnostic is a section: a ruled line with place and rule, a message marked × (error),
 * ! (warning) or i (information), the source, and advice marked i; in colour the marks are ✖, ⚠ and ℹ.
 */
export class BiomeParser implements ToolParser {
	recognised = false;
	readonly #found: Collector;
	#section: Section | undefined;
	#open: Diagnostic | undefined;
	/** Counts that Biome told; it does not show every diagnostic. */
	readonly #told = { error: 0, warning: 0 };
	#isComplete = false;

	constructor(options: ReportOptions = {}) {
		this.#found = new Collector(options);
	}

	line(text: string): void {
		if (text.endsWith("━━━")) this.#ruled(text);
		else if (text.startsWith("  ") && this.#section) this.#inSection(this.#section, text);
		else if (text.charCodeAt(0) > space) this.#sum(text);
	}

	end(): Report {
		this.#close();
		if (this.recognised && !this.#isComplete) this.#found.note(endsInTheMiddle);
		const [errors, warnings] = (["error", "warning"] as const).map((level) => Math.max(this.#told[level], this.#found.count(level)));
		return this.#found.report(this.#isComplete ? { errors, warnings } : {});
	}

	/** `lint/cart.ts:7:10 lint/suspicious/noDoubleEquals  FIXABLE  ━━━━` */
	#ruled(text: string): void {
		this.#close();
		this.#section = undefined;
		const found = /^(\S.*?)(?::(\d+):(\d+))? ([a-z][\w/-]*) +(?:FIXABLE +)?━+$/i.exec(text);
		if (!found) return;
		const [, file, line, col, rule] = found;
		this.recognised = true;
		this.#section = { rule: rule!, place: placeOf(file!, line, col) };
	}

	#inSection({ rule, place }: Section, text: string): void {
		const mark = text.charAt(2);
		const words = text.slice(4);
		if (this.#open === undefined && mark !== "" && "×✖!⚠".includes(mark)) {
			this.#open = { level: "!⚠".includes(mark) ? "warning" : "error", code: rule, ...place, message: words };
		} else if (this.#open && this.#open.suggestion === undefined) {
			const fix = "iℹ".includes(mark) ? /^(?:Safe|Unsafe) fix: (.+)$/.exec(words)?.[1] : undefined;
			if (fix !== undefined) this.#open = { ...this.#open, suggestion: fix };
		}
	}

	#close(): void {
		if (this.#open) this.#found.diagnose(this.#open);
		this.#open = undefined;
	}

	/** `Checked 2 files in 32ms. No fixes applied.`, `Found 6 errors.`, `Diagnostics not shown: 61.` */
	#sum(text: string): void {
		const checked = /^(?:Checked|Formatted) (\d+) files? in [\d.]+ ?[µm]?s\./.exec(text)?.[1];
		const found = /^Found (\d+) (error|warning)s?\.$/.exec(text);
		const hidden = /^Diagnostics not shown: (\d+)\.$/.exec(text)?.[1];
		if (checked !== undefined) {
			this.recognised = true;
			this.#isComplete = true;
			if (checked === "0") this.#found.note("no file was checked");
		} else if (found && this.recognised) this.#told[found[2] as Diagnostic["level"]] += wholeOf(found[1]);
		else if (hidden !== undefined) this.#found.note(`biome itself did not show ${plural(wholeOf(hidden), "diagnostic")}`);
	}
}

interface Section {
	readonly rule: string;
	readonly place: Place;
}

const space = 32;
