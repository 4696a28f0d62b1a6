import { Collector } from "./collect.ts";
import { endsEarly, nothingRan } from "./nothing-ran.ts";
import type { Report, ReportOptions, TestCounts, ToolParser } from "./report.ts";
import { addCounts, noTests, ranNone } from "./test-counts.ts";

/** Reads CTest: a line per test and a sum. With --output-on-failure a failed test's output stands below its line. */
export class CtestParser implements ToolParser {
	recognised = false;
	readonly #filter: string | undefined;
	readonly #found: Collector;
	#seen = { ...noTests };
	#tests: TestCounts | undefined;

	constructor(options: ReportOptions = {}) {
		this.#filter = options.filter;
		this.#found = new Collector(options);
	}

	line(text: string): void {
		const result = text.includes(" Test ")
			? /^ *\d+\/\d+ Test +#\d+: (\S+) \.*(?: +(Passed)|\*\*\*([\w ]+?) ) +[\d.]+ sec/.exec(text)
			: null;
		if (result) this.#result(result[1]!, result[2] ?? result[3]!);
		else if (text.startsWith("No tests were found!!!")) this.#tests = addCounts(this.#tests, noTests);
		else if (/^\d+% tests passed, \d+ tests failed out of \d+/.test(text)) this.#sum();
		else if (text.startsWith("Test project ")) this.recognised = true;
	}

	end(): Report {
		if (this.recognised && !this.#tests) this.#found.note(endsEarly());
		if (ranNone(this.#tests)) this.#found.note(nothingRan({ filter: this.#filter, ignored: this.#tests.ignored }));
		return this.#found.report({ tests: this.#tests });
	}

	#sum(): void {
		this.#tests = addCounts(this.#tests, this.#seen);
		this.#seen = { ...noTests };
	}

	#result(test: string, outcome: string): void {
		this.recognised = true;
		if (outcome === "Passed") this.#seen.passed += 1;
		else if (/Skipped|Not Run \(Disabled\)/.test(outcome)) this.#seen.ignored += 1;
		else {
			this.#seen.failed += 1;
			this.#found.failed(test, { test, message: outcome });
		}
	}
}
