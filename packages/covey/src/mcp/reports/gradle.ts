import { amountOf, wholeOf } from "./amounts.ts";
import { Collector } from "./collect.ts";
import { Javac, JavaException } from "./java.ts";
import { endsInTheMiddle, nothingRan } from "./nothing-ran.ts";
import { type Place, placeOf } from "./place.ts";
import type { Diagnostic, Report, ReportOptions, TestCounts, ToolParser } from "./report.ts";
import { addCounts, noTests } from "./test-counts.ts";

/**
 * Reads the plain console of Gradle: compilers' messages, the test events that the build's `testLogging` lets through
 * (failed ones by default), a line with counts when a test failed, and what went wrong.
 */
export class GradleParser implements ToolParser {
	recognised = false;
	readonly #filter: string | undefined;
	readonly #found: Collector;
	readonly #javac: Javac;
	#exception: { readonly key: string; readonly test: string; readonly read: JavaException } | undefined;
	/** Seen one by one; passed ones only if the build tells them. */
	readonly #seen: Record<TestEvent, number> = { PASSED: 0, FAILED: 0, SKIPPED: 0 };
	#told: TestCounts | undefined;
	#wrong: string[] | undefined;
	#place: Place | undefined;
	#isIdle = false;
	#isClosed = false;

	constructor(options: ReportOptions = {}) {
		this.#filter = options.filter;
		this.#found = new Collector(options);
		this.#javac = new Javac(this.#found);
	}

	line(text: string): void {
		if (text.startsWith("* What went wrong:")) this.#wrong = [];
		else if (text.startsWith("* Try:") || text.startsWith("BUILD ")) this.#closing(text);
		else if (this.#wrong) this.#reason(this.#wrong, text);
		else if (this.#exception && /^ {4}\S|^ {8}|^\t/.test(text)) this.#exception.read.line(text);
		else this.#outside(text);
	}

	end(): Report {
		this.#closeException();
		this.#javac.end();
		this.#explain();
		const { PASSED: passed, FAILED: failed, SKIPPED: ignored } = this.#seen;
		if (this.recognised && !this.#isClosed) this.#found.note(endsInTheMiddle);
		const tests = this.#told ?? (this.#isIdle ? noTests : passed > 0 ? { passed, failed, ignored } : undefined);
		return this.#found.report({ tests });
	}

	#reason(wrong: string[], text: string): void {
		if (text.trim() !== "" && wrong.length < wrongLinesMax) wrong.push(text);
	}

	#outside(text: string): void {
		this.#closeException();
		const event = / (PASSED|FAILED|SKIPPED)$/.test(text) ? /^(\S.*?) > (.+) (PASSED|FAILED|SKIPPED)$/.exec(text) : null;
		if (event) this.#event(event[1]!, event[2]!, event[3] as TestEvent);
		else if (text.startsWith("> Task :") || text.startsWith(":")) this.#task(text);
		else if (/^\d+ tests? completed, \d+ failed/.test(text)) this.#counts(text);
		else if (text.startsWith("Build file '") || text.startsWith("Script '")) this.#script(text);
		else this.#compiler(text);
	}

	#event(testClass: string, test: string, outcome: TestEvent): void {
		this.#seen[outcome] += 1;
		if (outcome !== "FAILED") return;
		const name = `${testClass} > ${test}`;
		this.#exception = { key: name, test: name, read: new JavaException(testClass.split(" > ")[0]!) };
	}

	#closeException(): void {
		if (this.#exception === undefined) return;
		const { key, test, read } = this.#exception;
		this.#exception = undefined;
		const short = /^(.+) at (\S+\.\w+):(\d+)$/.exec(read.message);
		const { place = short ? placeOf(short[2]!, short[3]) : undefined, message } = read;
		this.#found.failed(key, { test, ...place, message: short?.[1] ?? message });
	}

	/** `> Task :compileJava FAILED`, and of old `:test UP-TO-DATE`: a test task that did nothing ran no test. */
	#task(text: string): void {
		this.recognised ||= text.startsWith("> Task :");
		const idle = /^(?:> Task )?:((?:\S+:)?\w*[tT]est) (UP-TO-DATE|FROM-CACHE|NO-SOURCE|SKIPPED)$/.exec(text);
		if (idle) this.#found.note(`task :${idle[1]} ran no test: it is ${idle[2]!.toLowerCase().replaceAll("-", " ")}`);
		else this.#compiler(text.replace(/^:\w+(?=\/)/, ""));
	}

	#counts(text: string): void {
		const [failed, ignored] = [amountOf(text, "failed"), amountOf(text, "skipped")];
		const passed = Math.max(0, wholeOf(/^\d+/.exec(text)?.[0]) - failed - ignored);
		this.#told = addCounts(this.#told, { passed, failed, ignored });
		this.recognised = true;
	}

	#script(text: string): void {
		const found = /^(?:Build file|Script) '(.+)' line: (\d+)$/.exec(text);
		if (found) this.#place = placeOf(found[1]!, found[2]);
	}

	/** javac: `/x/A.java:1: error: words`; kotlinc: `e: file:///x/A.kt:3:5 words`. */
	#compiler(text: string): void {
		const java = /^(\S.*?\.(?:java|groovy|scala)):(\d+): (?:(error|warning): )(?:\[([\w-]+)\] )?(.+)$/.exec(text);
		const kotlin = /^([ew]): (?:file:\/\/)?(\S+?\.kts?):(?:(\d+):(\d+):?| \((\d+), (\d+)\):) (.+)$/.exec(text);
		if (java) {
			const [, file, line, level, code, message] = java;
			this.#javac.diagnose({
				level: level as Diagnostic["level"],
				...(code !== undefined && { code }),
				...placeOf(file!, line),
				message: message!,
			});
		} else if (kotlin) {
			const [, level, file, line, col, oldLine, oldCol, message] = kotlin;
			this.#found.diagnose({
				level: level === "e" ? "error" : "warning",
				...placeOf(file!, line ?? oldLine, col ?? oldCol),
				message: message!,
			});
		} else this.#javac.line(text);
	}

	#closing(text: string): void {
		if (/^BUILD (SUCCESSFUL|FAILED) in /.test(text)) this.recognised = this.#isClosed = true;
		this.#closeException();
		this.#explain();
	}

	/** What went wrong is news unless tests or compilers told it. */
	#explain(): void {
		const wrong = this.#wrong?.join("\n");
		this.#wrong = undefined;
		if (wrong === undefined || wrong === "") return;
		const filter = /No tests found for given includes: \[(.*?)\]/.exec(wrong)?.[1];
		this.#isIdle ||= filter !== undefined;
		if (filter !== undefined) this.#found.note(nothingRan({ filter: this.#filter ?? filter }));
		else if (!/There were failing tests|Compilation failed|Compilation error/.test(wrong))
			this.#found.diagnose({ level: "error", ...this.#place, message: wrong });
	}
}

type TestEvent = "PASSED" | "FAILED" | "SKIPPED";

const wrongLinesMax = 10;
