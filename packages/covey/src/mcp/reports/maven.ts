import { wholeOf } from "./amounts.ts";
import { Collector } from "./collect.ts";
import { Javac, JavaException } from "./java.ts";
import { endsEarly, nothingRan } from "./nothing-ran.ts";
import { placeOf } from "./place.ts";
import type { Report, ReportOptions, TestCounts, ToolParser } from "./report.ts";
import { addCounts, noTests, ranNone } from "./test-counts.ts";

/**
 * Reads Maven with Surefire or Failsafe: a line per test class, below it each failure with its stack, at the end the
 * sum of the module. Modules add up.
 */
export class MavenParser implements ToolParser {
	recognised = false;
	readonly #filter: string | undefined;
	readonly #found: Collector;
	readonly #javac: Javac;
	#exception: { readonly test: string; readonly read: JavaException } | undefined;
	#tests: TestCounts | undefined;
	/** Classes reported and the module's sum has not come. */
	#isOpen = false;
	#isIdle = false;

	constructor(options: ReportOptions = {}) {
		this.#filter = options.filter;
		this.#found = new Collector(options);
		this.#javac = new Javac(this.#found);
	}

	line(text: string): void {
		const tagged = text.startsWith("[") ? /^\[(INFO|WARNING|ERROR)\] ?(.*)$/.exec(text) : null;
		if (tagged) this.#tagged(tagged[1]!, tagged[2]!);
		else if (text.trim() === "") this.#close();
		else if (this.#exception) this.#exception.read.line(text);
		else this.#javac.line(text);
	}

	end(): Report {
		this.#close();
		this.#javac.end();
		if (this.#isOpen) this.#found.note(endsEarly(this.#tests));
		if (ranNone(this.#tests) && !this.#isIdle) this.#found.note(nothingRan({ filter: this.#filter, ignored: this.#tests.ignored }));
		return this.#found.report({ tests: this.#isIdle && this.#tests === undefined ? noTests : this.#tests });
	}

	#tagged(level: string, text: string): void {
		if (text.startsWith("BUILD ") || text.startsWith("Scanning for projects")) this.recognised = true;
		if (text.startsWith("Tests run: ")) this.#counts(text);
		else if (text.includes("<<< ")) this.#failure(text);
		else if (level !== "INFO") this.#complaint(level, text);
		else if (/^(No tests to run|Tests are skipped)\.$/.test(text)) this.#idle(`no test ran: maven says "${text}"`);
	}

	/** `shop.PriceTest.parsesCents -- Time elapsed: 0.016 s <<< FAILURE!`, and before Surefire 3 `parsesCents(shop.PriceTest)  Time…`. */
	#failure(text: string): void {
		this.#close();
		const now = /^(\S+)\.([^.]+?) -- Time elapsed: .*<<< (?:FAILURE|ERROR)!/.exec(text);
		const before = /^(.+?)\((\S+)\) +Time elapsed: .*<<< (?:FAILURE|ERROR)!/.exec(text);
		const [testClass, test] = now ? [now[1]!, now[2]!] : before ? [before[2]!, before[1]!] : [];
		if (testClass !== undefined) this.#exception = { test: `${testClass}.${test}`, read: new JavaException(testClass) };
	}

	#close(): void {
		if (this.#exception === undefined) return;
		const { test, read } = this.#exception;
		this.#exception = undefined;
		this.#found.failed(test, { test, ...read.place, message: read.message });
	}

	/** With "Time elapsed" it is one class's line, without it the module's sum. */
	#counts(text: string): void {
		this.#close();
		this.#isOpen = text.includes("Time elapsed");
		if (this.#isOpen) return;
		const [run = 0, failures = 0, errors = 0, skipped = 0] = (text.match(/\d+/g) ?? []).map(wholeOf);
		const [failed, passed] = [failures + errors, Math.max(0, run - failures - errors - skipped)];
		this.#tests = addCounts(this.#tests, { passed, failed, ignored: skipped });
	}

	#complaint(level: string, text: string): void {
		this.#javac.line(text);
		const compiler = /^(\S.*?\.\w+):\[(\d+)(?:,(\d+))?\] (?:error: )?(.+)$/.exec(text);
		const goal = /^Failed to execute goal (?:\S+ (?:\(\S*\) )?)?on project [^\s:]+: (.+?)(?: -> \[Help \d+\])?$/.exec(text)?.[1];
		const filter = goal === undefined ? undefined : /No tests matching pattern "(.*?)" were executed/.exec(goal)?.[1];
		if (compiler) {
			const [, file, line, col, message] = compiler;
			this.#javac.diagnose({ level: level === "ERROR" ? "error" : "warning", ...placeOf(file!, line, col), message: message! });
		} else if (filter !== undefined) this.#idle(nothingRan({ filter: this.#filter ?? filter }));
		else if (goal !== undefined && !/There are test failures|Compilation failure/.test(goal))
			this.#found.diagnose({ level: "error", message: goal });
	}

	#idle(sentence: string): void {
		this.#isIdle = true;
		this.#found.note(sentence);
	}
}
