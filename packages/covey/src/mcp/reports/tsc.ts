import { Collector } from "./collect.ts";
import { placeOf } from "./place.ts";
import type { Diagnostic, Report, ReportOptions, ToolParser } from "./report.ts";

/** Reads TypeScript's compiler, plain (`--pretty false`) and pretty. The lines that say why are indented below the head. */
export class TscParser implements ToolParser {
	recognised = false;
	readonly #found: Collector;
	#open: Diagnostic | undefined;
	#reasons = 0;

	constructor(options: ReportOptions = {}) {
		this.#found = new Collector(options);
	}

	line(text: string): void {
		const head = text.includes(" TS") ? headOf(text) : undefined;
		if (head) {
			this.#close();
			this.recognised = true;
			this.#open = head;
			this.#reasons = 0;
		} else if (this.#open && text.startsWith("  ") && this.#reasons < reasonsMax) {
			this.#reasons += 1;
			this.#open = { ...this.#open, message: `${this.#open.message}\n${text.trimEnd()}` };
		} else this.#close();
		if (/^Found \d+ errors? in /.test(text)) this.recognised = true;
	}

	end(): Report {
		this.#close();
		return this.#found.report({ ...(this.recognised && { errors: this.#found.count("error") }) });
	}

	#close(): void {
		if (this.#open) this.#found.diagnose(this.#open);
		this.#open = undefined;
	}
}

const reasonsMax = 6;

/** `a.ts(1,2): error TS1: words`, `a.ts:1:2 - error TS1: words`, `error TS1: words`. */
function headOf(text: string): Diagnostic | undefined {
	const found = /^(?:(.+?)(?:\((\d+),(\d+)\): |:(\d+):(\d+) - ))?(error|warning) (TS\d+): (.*)$/.exec(text);
	if (!found) return undefined;
	const [, file, line, col, prettyLine, prettyCol, level, code, message] = found;
	return {
		level: level as Diagnostic["level"],
		code: code!,
		...(file !== undefined && placeOf(file, line ?? prettyLine, col ?? prettyCol)),
		message: message!,
	};
}
