import { plural } from "./amounts.ts";
import { Collector } from "./collect.ts";
import { GoTests } from "./go-tests.ts";
import { fieldsOf, readJson, textOf } from "./json.ts";
import { endsInTheMiddle, nothingRan } from "./nothing-ran.ts";
import { placeOf } from "./place.ts";
import type { Report, ReportOptions, ToolParser } from "./report.ts";
import { noTests } from "./test-counts.ts";

/**
 * Reads `go build`, `go vet` and `go test`, as text, with `-v`, and as the events of `-json` (`go doc test2json`).
 * Passing tests are only told by the latter two: from the plain text their count stays unknown.
 */
export class GoParser implements ToolParser {
	recognised = false;
	readonly #filter: string | undefined;
	readonly #found: Collector;
	readonly #tests: GoTests;
	/** Packages that did not build: how many, and the first of them. */
	#unbuiltCount = 0;
	readonly #unbuilt: string[] = [];
	#packagesRun = 0;
	#packagesIdle = 0;
	#packagesWithout = 0;

	constructor(options: ReportOptions = {}) {
		this.#filter = options.filter;
		this.#found = new Collector(options);
		this.#tests = new GoTests(this.#found);
	}

	json(text: string): boolean {
		if (!text.includes(`"Action":"`)) return false;
		this.#event(text);
		return true;
	}

	line(text: string): void {
		if (this.#packageLine(text)) return;
		const built = text.includes(".go:") ? compilerLine.exec(text) : null;
		if (built && !this.#tests.isReadingOutput) {
			const [, file, line, col, message] = built;
			this.recognised = true;
			this.#found.diagnose({ level: "error", ...placeOf(file!, line, col), message: message! });
		} else this.#tests.line(text);
	}

	end(): Report {
		this.#tests.end();
		const { counts, isCut } = this.#tests;
		if (isCut) this.#found.note(endsInTheMiddle);
		if (this.#unbuiltCount > 0)
			this.#found.note(`${plural(this.#unbuiltCount, "package")} failed to build, so no test of these ran: ${this.#unbuilt.join(", ")}`);
		const idle = this.#packagesIdle > 0 && this.#packagesIdle === this.#packagesRun && this.#found.failures === 0;
		if (idle) this.#found.note(nothingRan({ filter: this.#filter, passedOver: this.#packagesIdle, noun: "package" }));
		if (this.#packagesRun === 0 && this.#packagesWithout > 0 && this.#unbuiltCount === 0)
			this.#found.note("no test ran: no package has test files");
		return this.#found.report({ tests: idle ? noTests : counts });
	}

	/** The text that a person reads for an event; the frame of the events says nothing to them. */
	readable(text: string): string | undefined {
		if (!text.startsWith("{") || !text.includes(`"Action":"`)) return text;
		return textOf(fieldsOf(readJson(text)).Output)?.trimEnd();
	}

	#event(text: string): void {
		const event = fieldsOf(readJson(text));
		const [action, name, test, output] = ["Action", "Package", "Test", "Output"].map((field) => textOf(event[field]));
		if (action === undefined) return;
		this.recognised = true;
		if (test !== undefined) this.#tests.event({ action, package: name ?? "", test, output: output?.replace(/\n$/, "") });
		else if (output !== undefined) this.line(output.replace(/\n$/, ""));
	}

	#didNotBuild(name: string): void {
		this.#unbuiltCount += 1;
		if (this.#unbuilt.length < namesMax) this.#unbuilt.push(name);
	}

	/** `FAIL	example.com/shop/price	0.007s`, `ok  	…`, `?   	… [no test files]`. */
	#packageLine(text: string): boolean {
		const found = /^(FAIL|ok {2}|\? {3})\t(\S+)(?:\s+(.*))?$/.exec(text);
		if (!found) return false;
		this.recognised = true;
		const [, verdict, name = "", rest = ""] = found;
		if (verdict?.startsWith("?")) this.#packagesWithout += 1;
		else if (/\[(build|setup) failed\]/.test(rest)) this.#didNotBuild(name);
		else if (verdict === "FAIL" || verdict === "ok  ") {
			this.#packagesRun += 1;
			if (rest.includes("[no tests to run]")) this.#packagesIdle += 1;
			this.#tests.packageEnded(name, verdict === "FAIL");
		}
		return true;
	}
}

/** `broken/broken.go:4:9: undefined: x`, `vet: …`; tests indent theirs. */
const compilerLine = /^(?:vet: )?((?:\.{1,2}\/|\/)?[\w.@-][^:\s]*\.go):(\d+)(?::(\d+))?: (.+)$/;
const namesMax = 10;
