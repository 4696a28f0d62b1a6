import { Collector } from "./collect.ts";
import { fieldsOf, itemsOf, numberOf, readJson, textOf } from "./json.ts";
import { placeOf } from "./place.ts";
import type { Diagnostic, Report, ReportOptions, ToolParser } from "./report.ts";

/** Reads ESLint: its own format "stylish" (a line with the file, an indented line for each problem), "unix", and "json". */
export class EslintParser implements ToolParser {
	recognised = false;
	readonly #found: Collector;
	/** The last line that was not indented: the file of the problems below it. */
	#file: string | undefined;
	/** ESLint told a sum: what was seen is all there is. */
	#isComplete = false;
	/** ESLint itself failed; the paragraph below tells why. */
	#isBroken = false;

	constructor(options: ReportOptions = {}) {
		this.#found = new Collector(options);
	}

	json(text: string): boolean {
		if (!text.startsWith(`[{"filePath":`)) return false;
		const files = readJson(text);
		if (files === undefined) this.#found.note("the JSON of eslint is longer than a line may be, and was not read");
		this.recognised = true;
		for (const { filePath, messages } of itemsOf(files).map(fieldsOf)) for (const one of itemsOf(messages)) this.#message(filePath, one);
		this.#isComplete ||= files !== undefined;
		return true;
	}

	line(text: string): void {
		const first = text.charCodeAt(0);
		if (first === space) this.#problem(text);
		else if (first === cross) this.#sum(text);
		else if (text === "Oops! Something went wrong! :(") this.#isBroken = this.recognised = true;
		else if (this.#isBroken) this.#reason(text);
		else if (text !== "") this.#other(text);
	}

	end(): Report {
		const [errors, warnings] = [this.#found.count("error"), this.#found.count("warning")];
		return this.#found.report(this.#isComplete ? { errors, warnings } : {});
	}

	/** `  7:10  error    Expected '===' and instead saw '=='  eqeqeq` */
	#problem(text: string): void {
		const found = this.#file === undefined ? null : /^ +(\d+):(\d+) +(error|warning) +(\S.*?)(?: {2,}(\S+))?$/.exec(text);
		if (!found) return;
		const [, line, col, level, message, rule] = found;
		this.#found.diagnose({
			level: level as Diagnostic["level"],
			...(rule !== undefined && { code: rule }),
			...placeOf(this.#file!, line, col),
			message: message!,
		});
	}

	/** `✖ 7 problems (6 errors, 1 warning)` */
	#sum(text: string): void {
		if (/^✖ \d+ problems? \(\d+ errors?, \d+ warnings?\)/.test(text)) this.recognised = this.#isComplete = true;
	}

	#message(path: unknown, value: unknown): void {
		const message = fieldsOf(value);
		const [file, code, text] = [path, message.ruleId, message.message].map(textOf);
		const [line, col] = [message.line, message.column].map(numberOf);
		const suggestion = textOf(fieldsOf(itemsOf(message.suggestions)[0]).desc);
		this.#found.diagnose({
			level: message.severity === 1 ? "warning" : "error",
			...(code !== undefined && { code }),
			...(file !== undefined && { file }),
			...(line !== undefined && { line }),
			...(col !== undefined && { col }),
			message: text ?? "",
			...(suggestion !== undefined && { suggestion }),
		});
	}

	#reason(text: string): void {
		if (text === "" || text.startsWith("ESLint: ")) return;
		this.#found.diagnose({ level: "error", message: text });
		this.#isBroken = false;
	}

	/** A file, a line of the format "unix", or the limit of warnings that was passed. */
	#other(text: string): void {
		const unix = text.endsWith("]") ? /^(.+?):(\d+):(\d+): (.+) \[(Error|Warning)(?:\/(.+))?\]$/.exec(text) : null;
		if (unix) {
			const [, file, line, col, message, level, rule] = unix;
			this.recognised = true;
			this.#found.diagnose({
				level: level === "Warning" ? "warning" : "error",
				...(rule !== undefined && { code: rule }),
				...placeOf(file!, line, col),
				message: message!,
			});
		} else if (text.startsWith("ESLint found too many warnings")) this.#found.note(text);
		this.#file = /\.\w+$/.test(text) ? text : undefined;
	}
}

const space = " ".charCodeAt(0);
const cross = "✖".charCodeAt(0);
