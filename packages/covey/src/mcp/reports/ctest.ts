import { Collector } from "./collect.ts";
import { endsEarly, nothingRan } from "./nothing-ran.ts";
import type { Report, ReportOptions, TestCounts, ToolParser } from "./report.ts";

/** Reads CTest: a line per test and a sum. With --output-on-failure a failed test's output stands below its line. */
export class CtestParser implements ToolParser {
	recognised = false;
	readonly #filter: string | undefined;
	readonly #found: Collector;
	readonly #seen = { passed: 0, failed: 0, ignored: 0 };
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
		else if (text.startsWith("No tests were found!!!")) this.#tests = { passed: 0, failed: 0, ignored: 0 };
		else if (/^\d+% tests passed, \d+ tests failed out of \d+/.test(text)) this.#tests = { ...this.#seen };
		else if (text.startsWith("Test project ")) this.recognised = true;
	}

	end(): Report {
		if (this.recognised && !this.#tests) this.#found.note(endsEarly);
		if (this.#tests && this.#tests.passed + this.#tests.failed === 0)
			this.#found.note(nothingRan({ filter: this.#filter, ignored: this.#tests.ignored }));
		return this.#found.report({ tests: this.#tests });
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
